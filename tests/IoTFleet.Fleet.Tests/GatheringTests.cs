using IoTFleet.Testing;

namespace IoTFleet.Fleet.Tests;

/// <summary>The windows are so long that a wait that should not be would never end.</summary>
public sealed class GatheringTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly FakeClock _clock = new(DateTimeOffset.UnixEpoch);

    [Theory]
    [InlineData(10, 2, true)]
    [InlineData(2, 2, true)]
    [InlineData(1, 2, false)]
    [InlineData(1, 0.4, true)]
    [InlineData(100, 60_000, false)]
    public void It_pays_to_wait_when_the_window_will_bring_several(int items, double sinceMilliseconds, bool pays)
    {
        using var gathering = new Gathering(TimeSpan.FromMilliseconds(2), _clock);

        Assert.Equal(pays, gathering.Pays(items, TimeSpan.FromMilliseconds(sinceMilliseconds)));
    }

    [Fact]
    public void What_comes_alone_does_not_make_the_next_one_wait()
    {
        using var gathering = new Gathering(Hour, _clock);
        _clock.Advance(5 * Hour);
        gathering.Taken(1);

        gathering.Wait(waiting: 0);
    }

    [Fact]
    public void Full_speed_knows_no_window()
    {
        using var gathering = new Gathering(Hour, _clock);
        gathering.Taken(4_000);

        gathering.Wait(waiting: 64);
    }

    [Fact]
    public void Without_a_window_nothing_waits()
    {
        using var gathering = new Gathering(TimeSpan.Zero, _clock);

        Assert.False(gathering.Pays(1_000, TimeSpan.Zero));
    }
}
