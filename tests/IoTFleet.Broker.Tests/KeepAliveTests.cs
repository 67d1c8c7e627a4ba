namespace IoTFleet.Broker.Tests;

public sealed class KeepAliveTests
{
    [Theory, BothVersions]
    public async Task Silence_of_one_and_a_half_keep_alives_closes(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10);

        broker.Clock.Advance(TimeSpan.FromSeconds(15));
        await client.ExpectNothingAsync();
        broker.Clock.Advance(TimeSpan.FromSeconds(17));

        await client.ExpectDisconnectAsync(ReasonCode.KeepAliveTimeout);       // [MQTT-3.1.2-22]
    }

    [Theory, BothVersions]
    public async Task Any_packet_is_a_sign_of_life(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10);

        for (ushort id = 1; id <= 5; id++)
        {
            broker.Clock.Advance(TimeSpan.FromSeconds(10));
            await client.PublishAsync("t", "x", AtLeastOnce, id);
            await client.ExpectAckAsync(id);
        }
    }

    [Fact]
    public async Task Keep_alive_of_zero_lets_a_3_1_1_client_be_silent_for_ever()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V311, keepAlive: 0);

        broker.Clock.Advance(TimeSpan.FromHours(5));

        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Keep_alive_of_zero_holds_a_5_0_client_to_the_servers()
    {
        await using var broker = new InMemoryBroker(options => options.MaxKeepAlive = TimeSpan.FromMinutes(10));
        await using var client = await broker.ConnectAsync("a", V5, keepAlive: 0);

        broker.Clock.Advance(TimeSpan.FromMinutes(16));

        await client.ExpectDisconnectAsync(ReasonCode.KeepAliveTimeout);
    }

    [Theory, BothVersions]
    public async Task Client_held_back_by_a_full_sink_is_not_silent(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10);
        broker.Sink.TakeRoom();
        await client.PublishAsync("t", "x", AtLeastOnce, 1);
        await InMemoryBroker.UntilAsync(() => broker.Sink.WaitingForRoom == 1);

        broker.Clock.Advance(TimeSpan.FromMinutes(1));
        broker.Sink.GiveRoom();

        await client.ExpectAckAsync(1);
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Client_held_back_by_a_slow_store_is_not_silent(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = 1);
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10);
        broker.Sink.HoldCommits = true;
        await client.PublishAsync("t", "1");
        await client.PublishAsync("t", "2");
        await InMemoryBroker.UntilAsync(() => broker.Metrics.MessagesReceived == 2);

        broker.Clock.Advance(TimeSpan.FromMinutes(1));
        broker.Sink.CommitAll();

        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Client_that_waited_long_for_its_admission_is_not_silent(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.AdmissionTimeout = TimeSpan.FromSeconds(60));
        var open = new TaskCompletionSource();
        broker.Access.AdmissionOpen = open.Task;
        await using var client = broker.Open(version);
        var connecting = client.ConnectAsync("a", keepAlive: 10);
        await InMemoryBroker.UntilAsync(() => broker.Access.Asked == 1);

        broker.Clock.Advance(TimeSpan.FromSeconds(50));
        open.SetResult();
        await connecting;
        broker.Clock.Advance(TimeSpan.FromSeconds(5));

        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Client_that_does_not_read_is_cut(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxOutboxPackets = 16);
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10);
        await client.StuffAsync(broker);

        await broker.AdvanceUntilAsync(client.Handled);

        Assert.Equal(0, broker.Metrics.Connections);
    }
}
