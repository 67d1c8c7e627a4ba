namespace IoTFleet.Broker.Tests;

public sealed class ShutdownTests
{
    [Theory, BothVersions]
    public async Task Stop_acks_what_is_committed_meanwhile_before_it_says_goodbye(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;
        await client.PublishAsync("t", "x", AtLeastOnce, 1);
        await broker.Sink.WhenGivenAsync(1);

        var stopping = broker.Broker.StopAsync(CancellationToken.None);
        broker.Sink.Commit("x");
        await stopping;

        await client.ExpectAckAsync(1);
        await client.ExpectDisconnectAsync(ReasonCode.ServerShuttingDown);
    }

    [Theory, BothVersions]
    public async Task Stop_waits_for_the_commit_longer_than_for_the_goodbye(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;
        await client.PublishAsync("t", "x", AtLeastOnce, 1);
        await broker.Sink.WhenGivenAsync(1);

        var stopping = broker.Broker.StopAsync(CancellationToken.None);
        await broker.AdvanceUntilAsync(client.Handled);
        await client.ExpectDisconnectAsync(ReasonCode.ServerShuttingDown);      // not acknowledged: it will send again
        Assert.False(stopping.IsCompleted);

        broker.Sink.Commit("x");
        await stopping;
    }

    [Theory, BothVersions]
    public async Task Stop_gives_up_when_told_to(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;
        await client.PublishAsync("t", "x", AtLeastOnce, 1);
        await broker.Sink.WhenGivenAsync(1);
        using var patience = new CancellationTokenSource();

        var stopping = broker.Broker.StopAsync(patience.Token);
        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopping);
    }

    [Theory, BothVersions]
    public async Task Stop_does_not_wait_for_a_client_that_does_not_read(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxOutboxPackets = 16);
        await using var client = await broker.ConnectAsync("a", version);
        await client.StuffAsync(broker);

        await broker.AdvanceUntilAsync(broker.Broker.StopAsync(CancellationToken.None));

        Assert.Equal(0, broker.Metrics.Connections);
    }

    [Theory, BothVersions]
    public async Task Stop_does_not_wait_for_a_client_held_back_by_a_full_sink(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        broker.Sink.TakeRoom();
        await client.PublishAsync("t", "x", AtLeastOnce, 1);
        await InMemoryBroker.UntilAsync(() => broker.Sink.WaitingForRoom == 1);

        await broker.Broker.StopAsync(CancellationToken.None);

        await client.ExpectDisconnectAsync(ReasonCode.ServerShuttingDown);
    }

    [Theory, BothVersions]
    public async Task Stop_ends_connections_that_have_not_connected_yet(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.AdmissionOpen = new TaskCompletionSource().Task;
        await using var silent = broker.Open(version);
        await using var waiting = broker.Open(version);
        await waiting.SendAsync(new ConnectPacket { Version = version, ClientId = "a" });
        await InMemoryBroker.UntilAsync(() => broker.Access.Asked == 1);

        await broker.Broker.StopAsync(CancellationToken.None);

        await silent.ExpectClosedAsync();
        await waiting.ExpectClosedAsync();
        Assert.Empty(broker.Refusals.Recent());
    }

    [Theory, BothVersions]
    public async Task Stop_publishes_wills_before_it_returns(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));
        broker.Sink.HoldCommits = true;

        var stopping = broker.Broker.StopAsync(CancellationToken.None);
        await broker.Sink.WhenGivenAsync(1);
        await client.Handled;
        Assert.False(stopping.IsCompleted);
        broker.Sink.Commit("gone");

        await stopping;
    }

    [Theory, BothVersions]
    public async Task Nobody_is_let_in_any_more(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await broker.Broker.StopAsync(CancellationToken.None);

        await using var late = broker.Open(version);

        await late.Handled;
        Assert.Equal(0, broker.Access.Asked);
    }

    [Theory, BothVersions]
    public async Task Closed_by_many_at_once_is_closed_once(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        for (var round = 0; round < 50; round++)
        {
            await using var client = await broker.ConnectAsync("a", version);

            var closing = Parallel.ForAsync(0, 4, (_, _) =>
            {
                broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked");
                return ValueTask.CompletedTask;
            });

            await client.ExpectDisconnectAsync(ReasonCode.AdministrativeAction);
            await client.Handled;
            await closing;
            Assert.Equal(0, broker.Metrics.Connections);
        }
    }

    [Theory, BothVersions]
    public async Task Reason_of_whoever_closes_first_stands(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        for (var round = 0; round < 50; round++)
        {
            await using var client = await broker.ConnectAsync("a", version);

            var revoking = Task.Run(() => broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked"));
            await client.SendAsync(new DisconnectPacket());

            var last = await client.ReceiveAsync();
            Assert.True(last is null or DisconnectPacket { Reason: ReasonCode.AdministrativeAction });
            await client.Handled;
            await revoking;
        }
    }
}
