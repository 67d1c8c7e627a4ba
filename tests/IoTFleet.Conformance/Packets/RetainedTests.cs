namespace IoTFleet.Conformance.Packets;

/// <summary>Section 3.3.1.3, RETAIN, and the options of a subscription that are about it.</summary>
public sealed class RetainedTests : ConformanceTest
{
    [Theory]
    [BothVersions(AtMostOnce)]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Retained_message_is_kept_with_its_QoS_for_later_subscribers(ProtocolVersion version, QualityOfService qos)
    {
        await RetainAsync(version, "x", qos);
        var client = await SubscriberAsync("b", version, qos: ExactlyOnce);
        var message = await client.ExpectMessageAsync("x");
        Assert.Equal((true, qos), (message.Retain, message.Qos));
    }

    [Theory]
    [BothVersions(AtMostOnce)]
    [BothVersions(AtLeastOnce)]
    public async Task Retained_message_replaces_the_earlier(ProtocolVersion version, QualityOfService second)
    {
        await RetainAsync(version, "first", AtLeastOnce);
        await RetainAsync(version, "second", second);
        var client = await SubscriberAsync("b", version);
        await client.ExpectMessageAsync("second");
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Last_retained_message_of_each_matching_topic_is_sent(ProtocolVersion version)
    {
        await RetainAsync(version, "1", topic: "t/1");
        await RetainAsync(version, "2", topic: "t/2");
        await RetainAsync(version, "3", topic: "u/3");
        var client = await SubscriberAsync("b", version, "t/+");
        string[] got = [Text(await client.ExpectAsync<PublishPacket>()), Text(await client.ExpectAsync<PublishPacket>())];
        Assert.Equal(["1", "2"], got.Order());
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Established_subscription_gets_a_retained_message_without_the_flag(ProtocolVersion version)
    {
        var client = await SubscriberAsync("b", version);
        await RetainAsync(version, "x");
        Assert.False((await client.ExpectMessageAsync("x")).Retain);
    }

    [Theory, BothVersions]
    public async Task Empty_retained_message_is_delivered_and_removes_the_earlier(ProtocolVersion version)
    {
        await RetainAsync(version, "x");
        var established = await SubscriberAsync("b", version);
        await established.ExpectMessageAsync("x");

        await RetainAsync(version, "");
        await established.ExpectMessageAsync("");
        var later = await SubscriberAsync("c", version);
        await later.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Empty_retained_message_is_not_kept_itself(ProtocolVersion version)
    {
        await RetainAsync(version, "");
        var client = await SubscriberAsync("b", version);
        await client.ExpectNothingAsync();
    }

    [Theory]
    [BothVersions("other")]
    [BothVersions("")]
    public async Task Message_without_the_flag_leaves_the_retained_one_alone(ProtocolVersion version, string payload)
    {
        await RetainAsync(version, "x");
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), payload);
        await SettleAsync(publisher);

        var client = await SubscriberAsync("c", version);
        await client.ExpectMessageAsync("x");
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Message_without_the_flag_is_not_kept(ProtocolVersion version)
    {
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x");
        await SettleAsync(publisher);
        var client = await SubscriberAsync("c", version);
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Retained_message_outlives_the_session_of_its_publisher(ProtocolVersion version)
    {
        var publisher = await ConnectAsync("a", version);
        await publisher.PublishAsync(Topic(), "x", retain: true);
        await SettleAsync(publisher);
        await LeaveAsync(publisher);
        await LeaveAsync(await ConnectAsync("a", version));

        var client = await SubscriberAsync("b", version);
        await client.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task Subscribing_again_sends_the_retained_message_again(ProtocolVersion version)
    {
        await RetainAsync(version, "x");
        var client = await SubscriberAsync("b", version);
        await client.ExpectMessageAsync("x");
        await SubscribeAsync(client);
        await client.ExpectMessageAsync("x");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Retain_handling_1_sends_retained_messages_to_a_new_subscription_only(ProtocolVersion version)
    {
        await RetainAsync(version, "x");
        var client = await ConnectAsync("b", version);
        await SubscribeAsync(client, new SubscriptionRequest(TopicFilter.Parse(Topic()), AtMostOnce, RetainHandling: RetainHandling.SendIfNew));
        await client.ExpectMessageAsync("x");
        await SubscribeAsync(client, new SubscriptionRequest(TopicFilter.Parse(Topic()), AtMostOnce, RetainHandling: RetainHandling.SendIfNew));
        await client.ExpectNothingAsync();
    }

    [Theory, OnlyVersion(V5)]
    public async Task Retain_handling_2_sends_no_retained_messages(ProtocolVersion version)
    {
        await RetainAsync(version, "x");
        var client = await ConnectAsync("b", version);
        await SubscribeAsync(client, new SubscriptionRequest(TopicFilter.Parse(Topic()), AtMostOnce, RetainHandling: RetainHandling.DoNotSend));
        await client.ExpectNothingAsync();
    }

    [Theory]
    [OnlyVersion(V5, true)]
    [OnlyVersion(V5, false)]
    public async Task Retain_as_published_keeps_the_flag_as_it_was(ProtocolVersion version, bool retain)
    {
        var client = await ConnectAsync("b", version);
        await SubscribeAsync(client, new SubscriptionRequest(TopicFilter.Parse(Topic()), AtMostOnce, RetainAsPublished: true));
        await client.PublishAsync(Topic(), "x", retain: retain);
        Assert.Equal(retain, (await client.ExpectMessageAsync("x")).Retain);
    }

    private static string Text(PublishPacket message) => System.Text.Encoding.UTF8.GetString(message.Payload.Span);

    private static async Task SubscribeAsync(RawClient client, SubscriptionRequest request) =>
        Assert.Equal([(ReasonCode)request.MaximumQos], (await client.SubscribeAsync(properties: null, request)).Reasons);

    private async Task RetainAsync(ProtocolVersion version, string payload, QualityOfService qos = AtMostOnce, string topic = "t")
    {
        var publisher = await ConnectAsync("retains", version);
        await publisher.PublishAsync(Topic(topic), payload, qos, (ushort)(qos == AtMostOnce ? 0 : 1), retain: true);
        if (qos == AtLeastOnce) await publisher.ExpectAsync<PubAckPacket>();
        if (qos == ExactlyOnce)
        {
            await publisher.ExpectAsync<PubRecPacket>();
            await publisher.SendAsync(new PubRelPacket { PacketId = 1 });
            await publisher.ExpectAsync<PubCompPacket>();
        }

        await SettleAsync(publisher);
        await LeaveAsync(publisher);
    }
}
