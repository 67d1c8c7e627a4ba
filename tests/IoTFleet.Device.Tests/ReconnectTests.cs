using IoTFleet.Device.Link;
using IoTFleet.Mqtt;

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

    [Theory]
    [InlineData(ReasonCode.ServerBusy)]
    [InlineData(ReasonCode.ConnectionRateExceeded)]
    [InlineData(ReasonCode.QuotaExceeded)]
    [InlineData(ReasonCode.MessageRateTooHigh)]
    public void A_busy_server_is_given_ten_times_the_shortest_wait_and_up_to_twenty(ReasonCode busy)
    {
        Assert.Equal(10, new Reconnect(Least, Most, () => 0).After(LinkEnd.ByServer("CONNACK", busy)).Wait.TotalSeconds);
        Assert.Equal(20, new Reconnect(Least, Most, () => 1).After(LinkEnd.ByServer("CONNACK", busy)).Wait.TotalSeconds);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(60, 66)]
    [InlineData(3600, 3630)]
    [InlineData(1_000_000, 86_430)]
    public void What_the_server_asks_for_is_waited_for_and_a_little_spread_but_not_for_more_than_a_day(int asked, int waited)
    {
        var reconnect = new Reconnect(Least, Most, () => 1);

        Assert.Equal(waited, reconnect.After(new LinkEnd("later") { RetryAfter = TimeSpan.FromSeconds(asked) }).Wait.TotalSeconds);
    }

    [Fact]
    public void The_third_takeover_in_a_row_is_answered_with_an_hour_of_peace_and_a_word()
    {
        var reconnect = new Reconnect(Least, Most, () => 0);

        Assert.Equal([1, 1, 3600, 3600], Enumerable.Range(0, 4).Select(_ => TakenOver(reconnect).Wait.TotalSeconds));
        Assert.Contains("Another client connects as this device", TakenOver(reconnect).End.Why);
    }

    [Theory]
    [InlineData(59, 3600)]
    [InlineData(60, 1)]
    public void Only_an_hour_in_peace_makes_up_for_a_takeover(int minutes, int nextWait)
    {
        var reconnect = new Reconnect(Least, Most, () => 0);
        TakenOver(reconnect);
        TakenOver(reconnect);

        reconnect.Lived(TimeSpan.FromMinutes(minutes));

        Assert.Equal(nextWait, TakenOver(reconnect).Wait.TotalSeconds);
    }

    private static (TimeSpan Wait, LinkEnd End) TakenOver(Reconnect reconnect) => reconnect.After(LinkEnd.ByServer("DISCONNECT", ReasonCode.SessionTakenOver));
}
