using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Tests;

/// <summary>What a host is told of its clients.</summary>
public sealed class ClientSignalTests
{
    [Theory, BothVersions]
    public async Task Who_subscribes_is_told_with_what_was_granted(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.SubscribeAnswer = (_, filter) => filter.Value != "no";
        await using var device = await broker.ConnectAsync("a", version);

        await device.SendAsync(new SubscribePacket { PacketId = 1, Subscriptions = [new(TopicFilter.Parse("no"), AtLeastOnce), new(TopicFilter.Parse("yes/#"), AtLeastOnce)] });

        await device.ExpectAsync<SubAckPacket>();
        Assert.True(broker.Broker.Subscribed.TryRead(out var told));
        Assert.Equal(("a", "yes/#"), (told.ClientId, Assert.Single(told.Filters).Value));
    }

    [Theory, BothVersions]
    public async Task A_request_of_the_server_is_owed_until_its_receiver_has_acknowledged_it(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await device.SubscribeAsync("t", AtLeastOnce);
        await broker.Broker.PublishAsync(Request("t"));
        var sent = await device.ExpectAsync<PublishPacket>();
        Assert.True(broker.Broker.IsOwed("a", TopicName.Parse("t")));
        Assert.False(broker.Broker.RequestsTaken.TryRead(out _));

        await device.SendAsync(new PubAckPacket { PacketId = sent.PacketId });

        var taken = await broker.Broker.RequestsTaken.ReadAsync();
        Assert.Equal(("a", "t"), (taken.ClientId, taken.Topic.Value));
        Assert.False(broker.Broker.IsOwed("a", taken.Topic));
    }

    [Theory, BothVersions]
    public async Task What_is_withdrawn_while_its_client_is_away_does_not_come(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using (var device = await broker.ConnectAsync("a", version, cleanStart: false, properties: version == V5 ? new PropertyBlock { SessionExpiryInterval = 600 } : null))
        {
            await device.SubscribeAsync("+", AtLeastOnce);
        }

        await Eventually.TrueAsync(() => Task.FromResult(broker.Broker.ConnectedSince("a") is null));
        await broker.Broker.PublishAsync(Request("first"));
        await broker.Broker.PublishAsync(Request("second"));

        broker.Broker.Withdraw("a", TopicName.Parse("first"));

        await using var again = await broker.ConnectAsync("a", version, cleanStart: false);
        Assert.Equal("second", (await again.ExpectAsync<PublishPacket>()).Topic!.Value);
    }

    [Fact]
    public async Task Of_other_messages_nothing_is_told()
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", V5);
        await device.SubscribeAsync("t", AtLeastOnce);
        await broker.Broker.PublishAsync(Request("t") with { Properties = PropertyBlock.None });
        await device.SendAsync(new PubAckPacket { PacketId = (await device.ExpectAsync<PublishPacket>()).PacketId });
        await broker.Broker.PublishAsync(Request("t"));
        await device.SendAsync(new PubAckPacket { PacketId = (await device.ExpectAsync<PublishPacket>()).PacketId });

        await broker.Broker.RequestsTaken.ReadAsync();

        Assert.False(broker.Broker.RequestsTaken.TryRead(out _));
    }

    private static Message Request(string topic) => new()
    {
        Topic = TopicName.Parse(topic),
        Payload = "{}"u8.ToArray(),
        Qos = AtLeastOnce,
        Properties = new PropertyBlock { CorrelationData = "7"u8.ToArray() },
        ReceivedAt = DateTimeOffset.UnixEpoch,
    };
}
