using IoTFleet.Device.Link;

namespace IoTFleet.Device.Tests;

public sealed class ReconnectTests
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(5);

    [Fact]
    public void Waits_double_up_to_the_longest()
    {
        var reconnect = new Reconnect(Least, Most, () => 1);

        var seconds = Enumerable.Range(0, 10).Select(_ => reconnect.Next().TotalSeconds);

        Assert.Equal([2, 4, 8, 16, 32, 64, 128, 256, 300, 300], seconds);
    }

    [Fact]
    public void Wait_lies_anywhere_between_the_shortest_and_its_ceiling()
    {
        Assert.Equal(1, new Reconnect(Least, Most, () => 0).Next().TotalSeconds);
        Assert.Equal(1.5, new Reconnect(Least, Most, () => 0.5).Next().TotalSeconds);
    }

    [Fact]
    public void Hundreds_of_failures_do_not_overflow()
    {
        var reconnect = new Reconnect(Least, Most, () => 1);

        Assert.All(Enumerable.Range(0, 500).Select(_ => reconnect.Next()), wait => Assert.InRange(wait, Least, Most));
    }

    [Theory]
    [InlineData(59, 8)]
    [InlineData(60, 2)]
    public void Only_a_connection_that_lived_starts_the_waits_over(int secondsConnected, int nextWait)
    {
        var reconnect = new Reconnect(Least, Most, () => 1);
        reconnect.Next();
        reconnect.Next();

        reconnect.Lived(TimeSpan.FromSeconds(secondsConnected));

        Assert.Equal(nextWait, reconnect.Next().TotalSeconds);
    }
}
