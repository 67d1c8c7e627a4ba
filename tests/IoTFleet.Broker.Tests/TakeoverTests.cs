namespace IoTFleet.Broker.Tests;

public sealed class TakeoverTests
{
    [Theory, BothVersions]
    public async Task Newer_connection_of_a_client_ends_the_older(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var older = await broker.ConnectAsync("a", version);
        await using var newer = await broker.ConnectAsync("a", version);

        await older.ExpectDisconnectAsync(ReasonCode.SessionTakenOver);     // [MQTT-3.1.4-3]
        await older.Handled;

        await newer.ExpectNothingAsync();
        Assert.Equal(1, broker.Metrics.Connections);
    }

    [Theory, BothVersions]
    public async Task Session_goes_over_with_what_was_in_flight(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var older = await broker.ConnectToStayAsync("a", version);
        await older.SubscribeAsync("t", AtLeastOnce);
        broker.Publish("t", "x");
        await older.ExpectMessageAsync("x");

        await using var newer = await broker.ConnectToStayAsync("a", version);

        Assert.True((await newer.ExpectMessageAsync("x")).Duplicate);
        broker.Publish("t", "y");
        await newer.ExpectMessageAsync("y");
    }

    [Theory, BothVersions]
    public async Task Of_many_connections_at_once_one_remains(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        var clients = Enumerable.Range(0, 20).Select(_ => broker.Open(version)).ToList();

        await Parallel.ForEachAsync(clients, async (client, _) =>
            await client.SendAsync(new ConnectPacket { Version = version, ClientId = "a", CleanStart = true, KeepAlive = 60 }));
        await InMemoryBroker.UntilAsync(() => clients.Count(client => client.Handled.IsCompleted) == 19);

        var last = clients.Single(client => !client.Handled.IsCompleted);
        await last.ExpectAsync<ConnAckPacket>();
        await last.ExpectNothingAsync();
        Assert.Equal(1, broker.Metrics.Connections);
        foreach (var client in clients) await client.DisposeAsync();
    }

    [Theory, BothVersions]
    public async Task Older_connection_that_waits_for_the_sink_lets_go(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var older = await broker.ConnectAsync("a", version);
        broker.Sink.TakeRoom();
        await older.PublishAsync("t", "x", AtLeastOnce, 1);
        await InMemoryBroker.UntilAsync(() => broker.Sink.WaitingForRoom == 1);

        await using var newer = await broker.ConnectAsync("a", version);

        await older.ExpectDisconnectAsync(ReasonCode.SessionTakenOver);
        Assert.Empty(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Older_connection_that_waits_for_the_store_lets_go(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = 1);
        await using var older = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;
        await older.PublishAsync("t", "1");
        await older.PublishAsync("t", "2");
        await InMemoryBroker.UntilAsync(() => broker.Metrics.MessagesReceived == 2);

        await using var newer = await broker.ConnectAsync("a", version);

        await older.ExpectDisconnectAsync(ReasonCode.SessionTakenOver);
        await newer.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Older_connection_whose_peer_does_not_read_lets_go(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxOutboxPackets = 16);
        await using var older = await broker.ConnectAsync("a", version);
        await older.StuffAsync(broker);

        await using var newer = await broker.ConnectAsync("a", version);

        await newer.ExpectNothingAsync();
        await broker.AdvanceUntilAsync(older.Handled);
        Assert.Equal(1, broker.Metrics.Connections);
    }

    [Theory, BothVersions]
    public async Task Connection_overtaken_while_it_waited_is_not_let_in(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        using var stuck = new StuckSink(broker);
        await using var first = await stuck.ConnectAsync("a", version);
        await using var second = await ClaimAsync(broker, version);
        await using var third = await ClaimAsync(broker, version);
        Assert.Null(broker.Broker.ConnectedSince("a"));                     // nobody holds the session yet

        stuck.Dispose();

        await second.ExpectClosedAsync();
        Assert.Equal(ReasonCode.Success, (await third.ExpectAsync<ConnAckPacket>()).Reason);
        await third.ExpectNothingAsync();
        Assert.Equal(1, broker.Metrics.Connections);
    }

    [Theory, BothVersions]
    public async Task Client_disconnected_by_the_host_while_it_waits_leaves_no_session(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        using var stuck = new StuckSink(broker);
        await using var first = await stuck.ConnectAsync("a", version);
        await using var second = await ClaimAsync(broker, version);

        Assert.True(broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked"));
        stuck.Dispose();
        await first.Handled;
        await second.Handled;

        var (back, sessionPresent) = await broker.ReturnAsync("a", version);
        await using var _ = back;
        Assert.False(sessionPresent);
    }

    [Theory, BothVersions]
    public async Task Will_of_the_older_connection_is_published(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("w");
        await using var older = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));

        await using var newer = await broker.ConnectAsync("a", version);

        await reader.ExpectMessageAsync("gone");
    }

    /// <summary>Sends CONNECT; returns when the connection is in line for the session.</summary>
    private static async Task<RawClient> ClaimAsync(InMemoryBroker broker, ProtocolVersion version)
    {
        var before = broker.Broker.Parts.Sessions.Holder("a");
        var client = broker.Open(version);
        await client.SendAsync(new ConnectPacket { Version = version, ClientId = "a", KeepAlive = 60, Properties = new PropertyBlock { SessionExpiryInterval = 3600 } });
        await InMemoryBroker.UntilAsync(() => broker.Broker.Parts.Sessions.Holder("a") != before);
        return client;
    }

    /// <summary>A sink that stands still whatever it is told, so that the connection that calls it cannot let go until the test says so.</summary>
    private sealed class StuckSink : IDisposable
    {
        private readonly InMemoryBroker _broker;
        private readonly ManualResetEventSlim _free = new();
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public StuckSink(InMemoryBroker broker)
        {
            _broker = broker;
            broker.Sink.Refuse = _ =>
            {
                _entered.TrySetResult();
                _free.Wait();
                return null;
            };
        }

        public async Task<RawClient> ConnectAsync(string clientId, ProtocolVersion version)
        {
            var client = await _broker.ConnectToStayAsync(clientId, version);
            await client.PublishAsync("t", "x");
            await _entered.Task;
            return client;
        }

        public void Dispose() => _free.Set();
    }
}
