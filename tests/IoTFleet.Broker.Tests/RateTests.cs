using IoTFleet.Broker.Connections;

namespace IoTFleet.Broker.Tests;

public sealed class RateTests
{
    [Theory, BothVersions]
    public async Task Client_over_its_packet_rate_is_not_read_until_time_has_passed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxPacketRate = 1);
        await using var client = await broker.ConnectAsync("a", version);
        for (var i = 0; i < 12; i++) await client.PublishAsync("t", $"{i}");           // ten seconds' worth, one to find the bucket empty, one not read
        await InMemoryBroker.UntilAsync(() => broker.Metrics.Pauses == 1);
        Assert.Equal(11, broker.Metrics.MessagesReceived);

        broker.Clock.Advance(TimeSpan.FromSeconds(1));

        await InMemoryBroker.UntilAsync(() => broker.Metrics.MessagesReceived == 12);
    }

    [Theory, BothVersions]
    public async Task Client_over_its_byte_rate_is_not_read_until_time_has_passed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxByteRate = 1_024);
        await using var client = await broker.ConnectAsync("a", version);
        await client.PublishAsync("t", new string('x', 11_000));
        await client.PublishAsync("t", "later");
        await InMemoryBroker.UntilAsync(() => broker.Metrics.Pauses == 1);
        Assert.Equal(1, broker.Metrics.MessagesReceived);

        broker.Clock.Advance(TimeSpan.FromSeconds(1));

        await InMemoryBroker.UntilAsync(() => broker.Metrics.MessagesReceived == 2);
    }

    [Theory, BothVersions]
    public async Task Client_that_stays_over_its_rate_is_disconnected(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => (options.MaxPacketRate, options.MaxTimeOverRate) = (1, TimeSpan.FromSeconds(5)));
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 3600);
        for (var i = 0; i < 50; i++) await client.PublishAsync("t", $"{i}");

        await broker.AdvanceUntilAsync(client.Handled);

        await client.ExpectDisconnectAsync(ReasonCode.MessageRateTooHigh);
        Assert.Equal("message-rate-too-high", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Client_held_to_its_rate_is_not_silent(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxByteRate = 1_024);
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10);
        await client.PublishAsync("t", new string('x', 50_000));
        await InMemoryBroker.UntilAsync(() => broker.Metrics.Pauses == 1);

        broker.Clock.Advance(TimeSpan.FromSeconds(50));

        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Each_filter_counts(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxPacketRate = 1);
        await using var client = await broker.ConnectAsync("a", version);

        await client.SubscribeAsync(null, [.. Enumerable.Range(0, 11).Select(i => new SubscriptionRequest(TopicFilter.Parse($"t/{i}"), AtMostOnce))]);

        await InMemoryBroker.UntilAsync(() => broker.Metrics.Pauses == 1);
    }

    [Theory, BothVersions]
    public async Task Backend_has_the_rate_of_many_devices(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxPacketRate = 1);
        broker.Access.Admit = connect => new Admission.Accepted(new Backend(connect.ClientId));
        await using var client = await broker.ConnectAsync("a", version);

        for (var i = 0; i < 1_000; i++) await client.PublishAsync("t", "");
        await client.ExpectNothingAsync();

        await InMemoryBroker.UntilAsync(() => broker.Metrics.Pauses == 1);        // the PINGREQ was one too many; it is answered before that is counted
    }

    [Fact]
    public void Client_that_keeps_to_its_rate_is_never_held()
    {
        var clock = new FakeClock();
        var rate = new InboundRate(packetsPerSecond: 100, bytesPerSecond: 1_000_000, clock);

        for (var i = 0; i < 100_000; i++)
        {
            Assert.Equal(TimeSpan.Zero, rate.Take(1, 100));
            clock.Advance(TimeSpan.FromMilliseconds(10));
        }
    }

    [Fact]
    public void Respite_of_a_second_begins_the_count_anew()
    {
        var clock = new FakeClock();
        var rate = new InboundRate(packetsPerSecond: 10, bytesPerSecond: 1_000_000, clock);
        Assert.NotEqual(TimeSpan.Zero, rate.Take(101, 0));
        clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(3), rate.HeldFor);

        rate.Take(1, 0);
        rate.Take(40, 0);

        Assert.Equal(TimeSpan.Zero, rate.HeldFor);
    }

    private sealed class Backend(string clientId) : Principal(clientId)
    {
        public override int RateShare => 100;
    }
}
