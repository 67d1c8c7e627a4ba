namespace IoTFleet.Broker.Tests;

/// <summary>What the store does decides what the publisher hears, and how fast it may go on.</summary>
public sealed class CommitTests
{
    [Theory, BothVersions]
    public async Task Publish_qos1_is_not_acked_until_committed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;

        await device.PublishAsync("t", "x", AtLeastOnce, packetId: 7);
        await broker.Sink.WhenGivenAsync(1);
        await device.ExpectNothingAsync();

        broker.Sink.Commit("x");
        await device.ExpectBytesAsync("40 02 00 07");
    }

    [Theory, BothVersions]
    public async Task Publish_is_not_routed_until_committed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t");
        broker.Sink.HoldCommits = true;

        await device.PublishAsync("t", "x");
        await broker.Sink.WhenGivenAsync(1);
        await reader.ExpectNothingAsync();

        broker.Sink.Commit("x");
        await reader.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task Accepted_message_is_routed_although_its_sender_is_gone(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "x", AtLeastOnce, 1);
        await broker.Sink.WhenGivenAsync(1);

        await device.LoseAsync();
        broker.Sink.Commit("x");

        await reader.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task A_full_sink_slows_the_publishers_socket(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.TakeRoom();
        var payload = new string('x', 10_000);

        var sending = SendManyAsync(device, 30, payload);
        await InMemoryBroker.UntilAsync(() => broker.Sink.WaitingForRoom == 1);
        Assert.False(sending.IsCompleted);          // 300 KB do not fit between a sender and a broker that does not read
        Assert.Empty(broker.Sink.Messages);

        broker.Sink.GiveRoom();
        await sending;
        await broker.Sink.WhenGivenAsync(30);
    }

    [Theory]
    [InlineData(V311, AtLeastOnce)]
    [InlineData(V311, AtMostOnce)]
    [InlineData(V5, AtMostOnce)]
    public async Task A_slow_store_slows_the_publishers_socket(ProtocolVersion version, QualityOfService qos)
    {
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = 4);
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;

        for (ushort id = 1; id <= 100; id++) await device.PublishAsync("t", $"{id}", qos, qos == AtMostOnce ? (ushort)0 : id);
        for (var id = 1; id <= 100; id++)
        {
            await broker.Sink.WhenGivenAsync(id);
            broker.Sink.Commit($"{id}");
        }

        Assert.InRange(broker.Sink.MostHeld, 1, 4);
    }

    [Theory, BothVersions]
    public async Task Sink_that_throws_is_a_message_that_was_not_stored(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["CommitFailed"] };
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.Refuse = _ => throw new IOException("disk full");      // the kind of exception that a lost socket raises, too

        await device.PublishAsync("t", "x", AtLeastOnce, 1);

        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);
        Assert.Equal(1, broker.Log.Count("CommitFailed"));
    }

    [Theory, BothVersions]
    public async Task Sink_that_is_cancelled_by_itself_is_a_message_that_was_not_stored(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["CommitFailed"] };
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.Refuse = _ => throw new OperationCanceledException("the ingest has stopped");

        await device.PublishAsync("t", "x", AtLeastOnce, 1);

        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);
    }

    [Theory, BothVersions]
    public async Task Failed_commit_is_not_acked_and_closes(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["CommitFailed"] };
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "x", AtLeastOnce, 1);
        await broker.Sink.WhenGivenAsync(1);

        broker.Sink.Commit("x", new IOException("disk full"));

        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);
        await reader.ExpectNothingAsync();
    }

    private static async Task SendManyAsync(RawClient device, ushort count, string payload)
    {
        for (ushort id = 1; id <= count; id++) await device.PublishAsync("t", payload, AtLeastOnce, id);
    }
}
