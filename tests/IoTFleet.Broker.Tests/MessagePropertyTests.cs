namespace IoTFleet.Broker.Tests;

public sealed class MessagePropertyTests
{
    private static readonly PropertyBlock All = new()
    {
        PayloadFormatIndicator = 1,
        ContentType = "text/plain",
        ResponseTopic = TopicName.Parse("answers/ä"),
        CorrelationData = new byte[] { 0, 1, 255 },
        UserProperties = [new("b", "1"), new("a", "2"), new("b", ""), new("b", "1")],
    };

    [Theory]
    [InlineData(AtMostOnce)]
    [InlineData(AtLeastOnce)]
    [InlineData(ExactlyOnce)]
    public async Task Properties_arrive_unchanged_and_in_order(QualityOfService qos)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await client.SubscribeAsync("t", qos);
        await using var publisher = await broker.ConnectAsync("b", V5);

        await publisher.PublishAsync("t", "x", qos, qos == AtMostOnce ? (ushort)0 : (ushort)1, properties: All);

        Assert.Equal(All, (await client.ExpectMessageAsync("x")).Properties);      // [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
    }

    [Fact]
    public async Task Retained_message_keeps_them()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await client.PublishAsync("t", "x", AtLeastOnce, 1, retain: true, properties: All);
        await client.ExpectAckAsync(1);

        await client.SubscribeAsync("t");

        Assert.Equal(All, (await client.ExpectMessageAsync("x")).Properties);
    }

    [Fact]
    public async Task Message_that_waited_keeps_them()
    {
        await using var broker = new InMemoryBroker();
        var client = await broker.ConnectToStayAsync("a", V5);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();
        broker.Publish("t", "x", properties: All);

        await using var back = (await broker.ReturnAsync("a", V5)).Client;

        Assert.Equal(All, (await back.ExpectMessageAsync("x")).Properties);
    }

    [Fact]
    public async Task Will_keeps_them_without_its_delay()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await client.SubscribeAsync("t");

        await (await broker.ConnectAsync("b", V5, will: Clients.Will("t", "x", properties: All with { WillDelayInterval = 0 }))).LoseAsync();

        Assert.Equal(All, (await client.ExpectMessageAsync("x")).Properties);
    }

    [Fact]
    public async Task Subscriber_of_3_1_1_gets_the_message_without_them()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V311);
        await client.SubscribeAsync("t");

        broker.Publish("t", "x", properties: All);

        await client.ExpectMessageAsync("x");
    }

    [Theory]
    [InlineData(AtLeastOnce)]
    [InlineData(ExactlyOnce)]
    public async Task Payload_that_says_it_is_text_and_is_not_is_refused(QualityOfService qos)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.SendAsync(NotText(qos));

        var answer = (AckPacket?)await client.ReceiveAsync();
        Assert.Equal(ReasonCode.PayloadFormatInvalid, answer?.Reason);
        Assert.Equal("payload-format", Assert.Single(broker.Refusals.Recent()).Reason);
        Assert.Empty(broker.Sink.Messages);
    }

    [Fact]
    public async Task Will_that_says_it_is_text_and_is_not_is_refused()
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V5);
        var text = Clients.Will("t", "x", properties: new PropertyBlock { PayloadFormatIndicator = 1 });

        var answer = await client.ConnectAsync("a", will: new WillMessage { Topic = text.Topic, Payload = new byte[] { 0xFF }, Properties = text.Properties });

        Assert.Equal(ReasonCode.PayloadFormatInvalid, answer.Reason);
        await client.ExpectClosedAsync();
    }

    private static PublishPacket NotText(QualityOfService qos) => new()
    {
        Topic = TopicName.Parse("t"),
        Payload = new byte[] { 0xFF },
        Qos = qos,
        PacketId = 1,
        Properties = new PropertyBlock { PayloadFormatIndicator = 1 },
    };
}
