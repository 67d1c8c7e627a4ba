using IoTFleet.Server.Doors;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

public sealed class HandshakeTurnsTests
{
    private readonly FakeClock _clock = new();

    [Fact]
    public async Task First_of_a_quiet_moment_need_not_wait()
    {
        using var turns = new HandshakeTurns(perSecond: 100, atOnce: 1_000, _clock);

        for (var i = 0; i < 10; i++) await turns.EnterAsync(CancellationToken.None);

        Assert.Equal(10, turns.UnderWay);
        Assert.False(turns.EnterAsync(CancellationToken.None).IsCompleted);
    }

    [Fact]
    public async Task Those_who_wait_come_in_at_the_pace_in_their_order()
    {
        using var turns = new HandshakeTurns(perSecond: 10, atOnce: 1_000, _clock);
        await turns.EnterAsync(CancellationToken.None);
        var waiting = Enumerable.Range(0, 5).Select(_ => turns.EnterAsync(CancellationToken.None).AsTask()).ToList();

        for (var second = 1; second <= 5; second++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(101));
            await waiting[second - 1];
            Assert.Equal(5 - second, waiting.Count(turn => !turn.IsCompleted));
        }
    }

    [Fact]
    public async Task No_more_are_under_way_than_may_be()
    {
        using var turns = new HandshakeTurns(perSecond: 1_000, atOnce: 2, _clock);
        await turns.EnterAsync(CancellationToken.None);
        await turns.EnterAsync(CancellationToken.None);
        var third = turns.EnterAsync(CancellationToken.None).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.False(third.IsCompleted);

        turns.Leave();

        await third;
        Assert.Equal(2, turns.UnderWay);
    }

    [Fact]
    public async Task Who_gives_up_takes_no_turn()
    {
        using var turns = new HandshakeTurns(perSecond: 10, atOnce: 1_000, _clock);
        await turns.EnterAsync(CancellationToken.None);
        using var patience = new CancellationTokenSource();
        var impatient = turns.EnterAsync(patience.Token).AsTask();
        var patient = turns.EnterAsync(CancellationToken.None).AsTask();

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        _clock.Advance(TimeSpan.FromMilliseconds(101));

        await patient;
        Assert.Equal(2, turns.UnderWay);
    }

    [Fact]
    public async Task Many_at_once_all_come_in()
    {
        using var turns = new HandshakeTurns(perSecond: 100_000, atOnce: 8, TimeProvider.System);

        await Parallel.ForAsync(0, 5_000, async (_, cancellationToken) =>
        {
            await turns.EnterAsync(cancellationToken);
            Assert.InRange(turns.UnderWay, 1, 8);
            turns.Leave();
        }).WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(0, turns.UnderWay);
    }
}
