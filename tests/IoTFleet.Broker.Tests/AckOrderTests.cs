using System.Globalization;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Tests;

public sealed class AckOrderTests
{
    [Theory, BothVersions]
    public async Task Acks_keep_arrival_order_when_commits_finish_out_of_order(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;
        for (ushort id = 1; id <= 3; id++) await device.PublishAsync("t", $"{id}", AtLeastOnce, id);
        await broker.Sink.WhenGivenAsync(3);

        broker.Sink.Commit("3");
        broker.Sink.Commit("2");
        await device.ExpectNothingAsync();

        broker.Sink.Commit("1");
        for (ushort id = 1; id <= 3; id++) await device.ExpectAckAsync(id);
    }

    [Theory, BothVersions]
    public async Task Deliveries_keep_arrival_order_when_commits_finish_out_of_order(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t", ExactlyOnce);
        broker.Sink.HoldCommits = true;
        await device.SendAsync(
            RawClient.Publish("t", "first", AtMostOnce), RawClient.Publish("t", "second", AtLeastOnce, 1), RawClient.Publish("t", "third", ExactlyOnce, 2));
        await broker.Sink.WhenGivenAsync(3);

        foreach (var payload in new[] { "third", "second", "first" }) broker.Sink.Commit(payload);

        foreach (var payload in new[] { "first", "second", "third" }) await reader.ExpectMessageAsync(payload);
    }

    [Theory, BothVersions]
    public async Task Acks_keep_arrival_order_whatever_the_commits_do(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;
        for (ushort id = 1; id <= 100; id++) await device.PublishAsync("t", $"{id}", AtLeastOnce, id);
        await broker.Sink.WhenGivenAsync(100);

        var shuffled = Enumerable.Range(1, 100).ToArray();
        new Random(4711).Shuffle(shuffled);
        Parallel.ForEach(shuffled, id => broker.Sink.Commit($"{id}"));

        for (ushort id = 1; id <= 100; id++) await device.ExpectAckAsync(id);
    }

    [Theory, BothVersions]
    public async Task One_slow_publisher_does_not_hold_another(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var slow = await broker.ConnectAsync("slow", version);
        await using var quick = await broker.ConnectAsync("quick", version);
        broker.Sink.HoldCommits = true;
        await slow.PublishAsync("t", "slow", AtLeastOnce, 1);
        await broker.Sink.WhenGivenAsync(1);
        await quick.PublishAsync("t", "quick", AtLeastOnce, 1);
        await broker.Sink.WhenGivenAsync(2);

        broker.Sink.Commit("quick");

        await quick.ExpectAckAsync(1);
        await slow.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Messages_of_an_earlier_connection_come_first(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        broker.Sink.HoldCommits = true;
        foreach (var payload in new[] { "1", "2", "3" })
        {
            await using var device = await broker.ConnectToStayAsync("a", version);
            await device.PublishAsync("t", payload, AtLeastOnce, 1);
            await broker.Sink.WhenGivenAsync(int.Parse(payload, CultureInfo.InvariantCulture));
        }

        broker.Sink.Commit("3");
        broker.Sink.Commit("2");
        await reader.ExpectNothingAsync();
        broker.Sink.Commit("1");

        foreach (var payload in new[] { "1", "2", "3" }) await reader.ExpectMessageAsync(payload);
    }

    [Fact]
    public async Task Refusal_waits_for_its_turn()
    {
        await using var broker = new InMemoryBroker();
        broker.Access.PublishAnswer = (_, topic) => topic.Value != "forbidden";
        await using var device = await broker.ConnectAsync("a", V5);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "x", AtLeastOnce, 1);
        await device.PublishAsync("forbidden", "y", AtLeastOnce, 2);
        await broker.Sink.WhenGivenAsync(1);
        await device.ExpectNothingAsync();

        broker.Sink.Commit("x");

        await device.ExpectAckAsync(1);
        Assert.Equal(ReasonCode.NotAuthorized, (await device.ExpectAsync<PubAckPacket>()).Reason);
    }

    [Theory, BothVersions]
    public async Task After_a_failed_commit_later_messages_are_routed_but_not_acked(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["CommitFailed"] };
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "lost", AtLeastOnce, 1);
        await device.PublishAsync("t", "kept", AtLeastOnce, 2);
        await broker.Sink.WhenGivenAsync(2);

        broker.Sink.Commit("kept");
        broker.Sink.Commit("lost", new IOException("disk full"));

        await reader.ExpectMessageAsync("kept");
        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);      // and no PUBACK for 2, which would jump the gap
    }

    [Fact]
    public async Task Message_that_cannot_be_routed_is_logged_and_holds_nobody_up()
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["RoutingFailed"] };
        await using var reader = await broker.ConnectAsync("b", V5, properties: new PropertyBlock { MaximumPacketSize = 1000 });
        await reader.SubscribeAsync("t", AtLeastOnce);
        var outbox = new PacketOutbox(new PipeConnection(DuplexPipe.CreatePair().Far), 100, broker.Broker.Parts.Logger);
        var acks = new AckQueue(broker.Broker.Parts, outbox, "a", 10, earlier: Task.CompletedTask, _ => { }, (pending, _) => pending);

        acks.Add(Pending("t", new PropertyBlock { ContentType = new string('x', 70_000) }));       // more than a packet can hold
        acks.Add(Pending("t", PropertyBlock.None));

        await reader.ExpectMessageAsync("");
        Assert.True(acks.WhenEmptyAsync().IsCompleted);
        Assert.Equal(1, broker.Log.Count("RoutingFailed"));
    }

    [Fact]
    public async Task Answers_that_wait_for_the_store_are_bounded_whatever_they_answer()
    {
        const int Window = 4;
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = Window);
        broker.Access.PublishAnswer = (_, topic) => topic.Value != "forbidden";
        await using var device = await broker.ConnectAsync("a", V5);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "x", ExactlyOnce, 1);
        await device.SendAsync([.. Enumerable.Range(2, 50).Select(id => RawClient.Publish("forbidden", "y", ExactlyOnce, (ushort)id))]);

        await InMemoryBroker.UntilAsync(() => broker.Metrics.MessagesRefused >= Window - 1);
        Assert.Equal(Window - 1, broker.Metrics.MessagesRefused);

        broker.Sink.Commit("x");
        for (var id = 1; id <= 51; id++) Assert.Equal(id, (await device.ExpectAsync<PubRecPacket>()).PacketId);
    }

    [Fact]
    public async Task Message_sent_again_and_again_before_its_commit_is_held_back()
    {
        const int Window = 4;
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = Window);
        await using var device = await broker.ConnectAsync("a", V5);
        broker.Sink.HoldCommits = true;
        await device.SendAsync([.. Enumerable.Repeat(RawClient.Publish("t", "x", ExactlyOnce, 1, duplicate: true), 50)]);

        await InMemoryBroker.UntilAsync(() => broker.Metrics.MessagesReceived > Window);
        Assert.Equal(Window + 1, broker.Metrics.MessagesReceived);      // the one behind the full queue waits

        broker.Sink.Commit("x");
        for (var time = 1; time <= 50; time++) await device.ExpectAsync<PubRecPacket>();
        Assert.Single(broker.Sink.Messages);
        Assert.Equal(1, broker.Metrics.MessagesAcked);
    }

    private static PendingAck Pending(string topic, PropertyBlock properties) => new(
        new Message { Topic = TopicName.Parse(topic), Payload = default, Qos = AtLeastOnce, Properties = properties, ReceivedAt = DateTimeOffset.UnixEpoch },
        AtLeastOnce, 1, ReasonCode.Success, PropertyBlock.None, Task.CompletedTask);
}
