namespace IoTFleet.Broker.Tests;

public sealed class PublishTests
{
    [Theory]
    [InlineData(AtMostOnce, AtMostOnce, AtMostOnce)]
    [InlineData(AtMostOnce, ExactlyOnce, AtMostOnce)]
    [InlineData(AtLeastOnce, AtMostOnce, AtMostOnce)]
    [InlineData(AtLeastOnce, AtLeastOnce, AtLeastOnce)]
    [InlineData(AtLeastOnce, ExactlyOnce, AtLeastOnce)]
    [InlineData(ExactlyOnce, AtLeastOnce, AtLeastOnce)]
    [InlineData(ExactlyOnce, ExactlyOnce, ExactlyOnce)]
    public async Task Message_arrives_at_the_lower_of_both_qualities(QualityOfService sent, QualityOfService subscribed, QualityOfService arrives)
    {
        foreach (var version in new[] { V311, V5 })
        {
            await using var broker = new InMemoryBroker();
            await using var device = await broker.ConnectAsync("a", version);
            await using var reader = await broker.ConnectAsync("b", version);
            await reader.SubscribeAsync("t", subscribed);

            await device.PublishAsync("t", "x", sent, packetId: sent == AtMostOnce ? (ushort)0 : (ushort)9);

            Assert.Equal(arrives, (await reader.ExpectMessageAsync("x")).Qos);
        }
    }

    [Theory]
    [InlineData(V311, V5)]
    [InlineData(V5, V311)]
    public async Task Clients_of_both_versions_reach_each_other(ProtocolVersion from, ProtocolVersion to)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", from);
        await using var reader = await broker.ConnectAsync("b", to);
        await reader.SubscribeAsync("t/+", ExactlyOnce);

        await device.PublishAsync("t/1", "x", ExactlyOnce, 1, properties: new PropertyBlock { ContentType = "text/plain" });

        var message = await reader.ExpectMessageAsync("x");
        Assert.Equal("t/1", message.Topic!.Value);
        Assert.Null(message.Properties.ContentType);        // one of the two versions cannot say it
    }

    [Theory, BothVersions]
    public async Task Duplicate_and_retain_flags_of_the_sender_do_not_travel(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);

        await device.PublishAsync("t", "x", AtLeastOnce, 1, retain: true, duplicate: true);

        var message = await reader.ExpectMessageAsync("x");
        Assert.False(message.Duplicate);        // [MQTT-3.3.1-3]
        Assert.False(message.Retain);           // [MQTT-3.3.1-12]
    }

    [Fact]
    public async Task Properties_of_the_message_travel_and_those_of_the_hop_do_not()
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", V5);
        await using var reader = await broker.ConnectAsync("b", V5);
        await reader.SubscribeAsync("t");
        var travelling = new PropertyBlock
        {
            PayloadFormatIndicator = 1,
            ContentType = "application/json",
            ResponseTopic = TopicName.Parse("r"),
            CorrelationData = new byte[] { 1, 2 },
            UserProperties = [new("seq", "17"), new("seq", "18")],
        };

        await device.PublishAsync("t", "x", properties: travelling with { TopicAlias = 3 });

        Assert.Equal(travelling, (await reader.ExpectMessageAsync("x")).Properties);
    }

    [Theory, BothVersions]
    public async Task Message_that_comes_in_many_pieces_arrives_whole(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t");
        var payload = new string('x', 200_000);

        var sending = device.PublishAsync("t", payload);

        await reader.ExpectMessageAsync(payload);
        await sending;
    }

    [Fact]
    public async Task Topic_alias_stands_for_the_topic_it_was_given_with()
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", V5);

        await device.SendAsync(
            RawClient.Publish("t/1", "one", AtLeastOnce, 1, properties: new PropertyBlock { TopicAlias = 1 }),
            RawClient.Publish(null, "two", AtLeastOnce, 2, properties: new PropertyBlock { TopicAlias = 1 }),
            RawClient.Publish("t/2", "three", AtLeastOnce, 3, properties: new PropertyBlock { TopicAlias = 1 }),
            RawClient.Publish(null, "four", AtLeastOnce, 4, properties: new PropertyBlock { TopicAlias = 1 }));
        for (ushort id = 1; id <= 4; id++) await device.ExpectAckAsync(id);

        Assert.Equal(["t/1", "t/1", "t/2", "t/2"], broker.Sink.Messages.Select(message => message.Topic.Value));
    }

    [Theory]
    [InlineData((ushort)5, ReasonCode.ProtocolError)]           // never given a topic
    [InlineData((ushort)17, ReasonCode.TopicAliasInvalid)]      // above our maximum [MQTT-3.3.2-9]
    public async Task Topic_alias_without_meaning_ends_the_connection(ushort alias, ReasonCode reason)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", V5);

        await device.SendAsync(RawClient.Publish(null, "x", properties: new PropertyBlock { TopicAlias = alias }));

        await device.ExpectDisconnectAsync(reason);
    }

    [Fact]
    public async Task Topic_alias_ends_with_its_connection()
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectToStayAsync("a", V5);
        await device.PublishAsync("t", "x", AtLeastOnce, 1, properties: new PropertyBlock { TopicAlias = 1 });
        await device.ExpectAckAsync(1);

        await using var again = await broker.ConnectToStayAsync("a", V5);
        await again.SendAsync(RawClient.Publish(null, "y", properties: new PropertyBlock { TopicAlias = 1 }));

        await again.ExpectDisconnectAsync(ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData(AtLeastOnce)]
    [InlineData(ExactlyOnce)]
    public async Task Client_that_passes_our_receive_maximum_is_disconnected(QualityOfService qos)
    {
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = 2);
        await using var device = await broker.ConnectAsync("a", V5);
        broker.Sink.HoldCommits = true;

        for (ushort id = 1; id <= 3; id++) await device.PublishAsync("t", $"{id}", qos, id);

        await device.ExpectDisconnectAsync(ReasonCode.ReceiveMaximumExceeded);
        Assert.Equal(2, broker.Sink.Messages.Count);
    }

    [Fact]
    public async Task Client_that_waits_for_acks_may_send_for_ever()
    {
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = 1);
        await using var device = await broker.ConnectAsync("a", V5);

        for (ushort id = 1; id <= 20; id++)
        {
            await device.PublishAsync("t", $"{id}", AtLeastOnce, id);
            await device.ExpectAckAsync(id);
        }

        await device.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Message_that_expired_in_the_queue_is_not_delivered(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        await reader.LoseAsync();
        broker.Publish("t", "short", properties: new PropertyBlock { MessageExpiryInterval = 10 });
        broker.Publish("t", "long", properties: new PropertyBlock { MessageExpiryInterval = 60 });

        broker.Clock.Advance(TimeSpan.FromSeconds(20));

        await using var back = await broker.ConnectToStayAsync("b", version);
        var message = await back.ExpectMessageAsync("long");
        Assert.Equal(version == V5 ? 40u : null, message.Properties.MessageExpiryInterval);      // [MQTT-3.3.2-6]
    }

    [Theory, BothVersions]
    public async Task Messages_are_counted(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await device.SubscribeAsync("t", AtLeastOnce);

        await device.PublishAsync("t", "x", AtLeastOnce, 1);
        await device.ExpectAckAsync(1);
        await device.ExpectMessageAsync("x");
        await device.PublishAsync("other", "y");
        await device.ExpectNothingAsync();

        Assert.Equal((2, 1, 1, 0), (broker.Metrics.MessagesReceived, broker.Metrics.MessagesAcked, broker.Metrics.MessagesDelivered, broker.Metrics.MessagesDropped));
    }

    [Fact]
    public async Task Message_of_the_server_that_no_packet_can_hold_is_refused_to_the_server()
    {
        await using var broker = new InMemoryBroker();

        Assert.Throws<ArgumentException>(() => broker.Publish("t", "x", properties: new PropertyBlock { ContentType = new string('x', 70_000) }));
    }
}
