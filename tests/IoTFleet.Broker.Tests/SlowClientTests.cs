namespace IoTFleet.Broker.Tests;

public sealed class SlowClientTests
{
    private static readonly string Large = new('x', 10_000);

    [Theory, BothVersions]
    public async Task Qos0_messages_beyond_the_outboxs_bytes_are_dropped(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxOutboxBytes = 100_000);
        await using var client = await broker.ConnectAsync("a", version);

        await client.StuffAsync(broker);        // 10,000 bytes a message: dropped long before the thousand packets are reached

        Assert.InRange(broker.Metrics.MessagesDelivered, 10, 30);
        Assert.True(broker.Metrics.MessagesDropped >= 10);
    }

    [Theory, BothVersions]
    public async Task Qos1_messages_beyond_the_outboxs_bytes_wait_in_the_session_and_all_arrive(ProtocolVersion version)
    {
        const int Messages = 60;
        await using var broker = new InMemoryBroker(options => options.MaxOutboxBytes = 50_000);
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);

        for (var i = 0; i < Messages; i++) Assert.Equal(1, broker.Publish("t", i + Large));
        await InMemoryBroker.UntilStillAsync(() => broker.Metrics.MessagesDelivered);
        Assert.InRange(broker.Metrics.MessagesDelivered, 5, 30);        // 64 KB in the pipe, 50 KB in the outbox

        for (var i = 0; i < Messages; i++) await client.SendAsync(new PubAckPacket { PacketId = (await client.ExpectMessageAsync(i + Large)).PacketId });
        Assert.Equal(0, broker.Metrics.MessagesDropped);
    }

    [Theory, BothVersions]
    public async Task Properties_count_as_bytes_too(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxOutboxBytes = 100_000);
        await using var client = await broker.ConnectAsync("a", version);
        await client.StuffAsync(broker);
        var before = broker.Metrics.MessagesDropped;

        Assert.Equal(0, broker.Publish("stuffing", "", AtMostOnce, new PropertyBlock { ContentType = Large }));

        Assert.Equal(before + 1, broker.Metrics.MessagesDropped);
    }

    [Theory, BothVersions]
    public async Task Client_that_reads_nothing_is_disconnected_after_the_stated_time(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => (options.MaxOutboxBytes, options.SlowClientTimeout) = (100_000, TimeSpan.FromSeconds(20)));
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 3600);
        await client.StuffAsync(broker);

        broker.Clock.Advance(TimeSpan.FromSeconds(19));
        Assert.Equal(1, broker.Metrics.Connections);
        await broker.AdvanceUntilAsync(client.Handled);

        Assert.Equal("slow-client", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Client_that_begins_to_read_again_hears_why_it_is_disconnected(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => (options.MaxOutboxBytes, options.SlowClientTimeout) = (100_000, TimeSpan.FromSeconds(20)));
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 3600);
        await client.StuffAsync(broker);

        broker.Clock.Advance(TimeSpan.FromSeconds(21));        // the sweep of the first second saw it full

        var last = await client.LastPacketAsync();
        if (version == V5) Assert.Equal(ReasonCode.QuotaExceeded, Assert.IsType<DisconnectPacket>(last).Reason);
    }

    [Theory, BothVersions]
    public async Task Client_that_reads_slowly_stays(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => (options.MaxOutboxBytes, options.SlowClientTimeout) = (50_000, TimeSpan.FromSeconds(20)));
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 0);
        await client.StuffAsync(broker);

        for (var round = 0; round < 5; round++)
        {
            broker.Clock.Advance(TimeSpan.FromSeconds(15));
            for (var i = 0; i < 8; i++) Assert.NotNull(await client.ReceiveAsync());
            await broker.StuffMoreAsync();
        }

        Assert.Equal(1, broker.Metrics.Connections);
    }
}
