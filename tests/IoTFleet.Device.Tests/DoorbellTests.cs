using IoTFleet.Device.Link;
using IoTFleet.Device.Tests.Support;

namespace IoTFleet.Device.Tests;

public sealed class DoorbellTests
{
    private readonly Doorbell _bell = new();

    [Fact]
    public async Task Rings_before_anybody_listens_are_kept_as_one()
    {
        _bell.Ring();
        _bell.Ring();
        await _bell.WaitAsync(default);

        Assert.False(_bell.WaitAsync(default).IsCompleted);
    }

    [Fact]
    public async Task Who_has_given_up_leaves_the_ring_to_the_next()
    {
        using var giveUp = new CancellationTokenSource();
        var waiting = _bell.WaitAsync(giveUp.Token).AsTask();
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);

        _bell.Ring();
        await _bell.WaitAsync(default);
    }

    [Fact]
    public async Task Nothing_is_lost_between_one_who_rings_and_one_who_listens_and_gives_up()
    {
        var (rung, seen) = (0, 0);
        var ringing = Task.Run(() =>
        {
            for (; rung < 20_000; _bell.Ring())
                Interlocked.Increment(ref rung);
        });
        while (seen < 20_000)
        {
            using var giveUp = new CancellationTokenSource();
            var waiting = _bell.WaitAsync(giveUp.Token).AsTask();
            if (seen % 3 == 0 && Volatile.Read(ref rung) < 20_000)
                await giveUp.CancelAsync();
            await Task.WhenAny(waiting).WaitAsync(Devices.Patience);
            seen = Volatile.Read(ref rung);
        }

        await ringing;
        Assert.Equal(20_000, seen);
    }
}
