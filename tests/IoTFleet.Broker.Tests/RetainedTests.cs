namespace IoTFleet.Broker.Tests;

public sealed class RetainedTests
{
    [Theory, BothVersions]
    public async Task Later_subscriber_gets_the_retained_message_with_its_flag(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await RetainAsync(client, "t/1", "kept");

        await client.SubscribeAsync("t/1", AtLeastOnce);

        var message = await client.ExpectMessageAsync("kept");
        Assert.Equal((true, AtLeastOnce), (message.Retain, message.Qos));      // [MQTT-3.3.1-8]
    }

    [Theory, BothVersions]
    public async Task Newer_retained_message_takes_the_place_of_the_older(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await RetainAsync(client, "t", "older");
        await RetainAsync(client, "t", "newer");

        await client.SubscribeAsync("t");

        await client.ExpectMessageAsync("newer");
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Empty_retained_message_clears_the_topic(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await RetainAsync(client, "t", "kept");
        await RetainAsync(client, "t", "");

        await client.SubscribeAsync("t");

        await client.ExpectNothingAsync();                                      // [MQTT-3.3.1-6]
    }

    [Theory, BothVersions]
    public async Task Retained_messages_match_wildcards(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        foreach (var topic in new[] { "t/1", "t/2/x", "u/1", "$fleet/1" }) await RetainAsync(client, topic, topic);

        await client.SubscribeAsync("#");

        var got = new List<string>();
        for (var i = 0; i < 3; i++) got.Add((await client.ExpectAsync<PublishPacket>()).Topic!.Value);
        Assert.Equal(["t/1", "t/2/x", "u/1"], got.Order());
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Retained_message_at_the_lower_quality_of_both(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await RetainAsync(client, "t", "kept");

        await client.SubscribeAsync("t", ExactlyOnce);

        Assert.Equal(AtLeastOnce, (await client.ExpectMessageAsync("kept")).Qos);
    }

    [Theory]
    [InlineData(RetainHandling.Send, true, true)]
    [InlineData(RetainHandling.SendIfNew, true, false)]
    [InlineData(RetainHandling.DoNotSend, false, false)]
    public async Task Retain_handling_decides_what_a_subscription_gets(RetainHandling handling, bool first, bool second)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await RetainAsync(client, "t", "kept");

        foreach (var expected in new[] { first, second })
        {
            await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse("t"), AtMostOnce, RetainHandling: handling));
            if (expected) await client.ExpectMessageAsync("kept");
            await client.ExpectNothingAsync();
        }
    }

    [Fact]
    public async Task Expired_retained_message_is_not_sent()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5, keepAlive: 600);
        await client.PublishAsync("t/short", "short", retain: true, properties: new PropertyBlock { MessageExpiryInterval = 10 });
        await client.PublishAsync("t/long", "long", retain: true, properties: new PropertyBlock { MessageExpiryInterval = 60 });
        await client.ExpectNothingAsync();

        broker.Clock.Advance(TimeSpan.FromSeconds(20));
        await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse("t/short"), AtMostOnce), new SubscriptionRequest(TopicFilter.Parse("t/+"), AtMostOnce));

        Assert.Equal(40u, (await client.ExpectMessageAsync("long")).Properties.MessageExpiryInterval);
        await client.ExpectNothingAsync();
    }

    private static async Task RetainAsync(RawClient client, string topic, string payload)
    {
        await client.PublishAsync(topic, payload, AtLeastOnce, 1, retain: true);
        Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<PubAckPacket>()).Reason);
        await client.ExpectNothingAsync();      // routed, and so kept, after its acknowledgement and before anything later
    }
}
