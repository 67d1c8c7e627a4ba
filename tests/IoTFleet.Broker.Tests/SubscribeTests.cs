namespace IoTFleet.Broker.Tests;

public sealed class SubscribeTests
{
    [Theory, BothVersions]
    public async Task Suback_answers_each_filter_in_order(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.SubscribeAnswer = (_, filter) => filter.Value != "forbidden";
        await using var client = await broker.ConnectAsync("a", version);

        var answer = await client.SubscribeAsync(null, Request("t/1", AtMostOnce), Request("forbidden", AtLeastOnce), Request("t/+", ExactlyOnce), Request("$share/g/forbidden", AtMostOnce));

        ReasonCode[] v5 = [ReasonCode.Success, ReasonCode.NotAuthorized, ReasonCode.GrantedQos2, ReasonCode.NotAuthorized];
        ReasonCode[] v311 = [ReasonCode.Success, ReasonCode.UnspecifiedError, ReasonCode.GrantedQos2, ReasonCode.UnspecifiedError];
        Assert.Equal(version == V5 ? v5 : v311, answer.Reasons);
    }

    [Theory, BothVersions]
    public async Task Refused_filter_delivers_nothing(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.SubscribeAnswer = (_, _) => false;
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync("t");

        Assert.Equal(0, broker.Publish("t", "x"));
    }

    [Theory, BothVersions]
    public async Task Subscribing_again_replaces_the_subscription(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync("t", ExactlyOnce);
        await client.SubscribeAsync("t", AtMostOnce);

        broker.Publish("t", "x", ExactlyOnce);

        Assert.Equal(AtMostOnce, (await client.ExpectMessageAsync("x")).Qos);
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Overlapping_filters_deliver_once_at_the_highest_quality(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync(null, Request("t/1", AtMostOnce), Request("t/+", ExactlyOnce), Request("#", AtLeastOnce));

        Assert.Equal(1, broker.Publish("t/1", "x", ExactlyOnce));

        Assert.Equal(ExactlyOnce, (await client.ExpectMessageAsync("x")).Qos);
        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Message_names_every_subscription_it_was_sent_for()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await client.SubscribeAsync("t/1", properties: new PropertyBlock { SubscriptionIdentifiers = [7] });
        await client.SubscribeAsync("t/#", properties: new PropertyBlock { SubscriptionIdentifiers = [8] });
        await client.SubscribeAsync("+/+");

        broker.Publish("t/1", "x");
        broker.Publish("t/2", "y");

        Assert.Equal([7u, 8u], (await client.ExpectMessageAsync("x")).Properties.SubscriptionIdentifiers.Order());
        Assert.Equal([8u], (await client.ExpectMessageAsync("y")).Properties.SubscriptionIdentifiers);
    }

    [Theory, BothVersions]
    public async Task Wildcards_do_not_reach_topics_of_the_server(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync(null, Request("#", AtMostOnce), Request("+/x", AtMostOnce));

        Assert.Equal(0, broker.Publish("$fleet/x", "x"));      // [MQTT-4.7.2-1]
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Unsubscribe_ends_delivery(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync("t");

        await client.SendAsync(new UnsubscribePacket { PacketId = 3, Filters = [TopicFilter.Parse("t"), TopicFilter.Parse("never")] });

        await client.ExpectBytesAsync(version == V5 ? "B0 05 00 03 00 00 11" : "B0 02 00 03");
        Assert.Equal(0, broker.Publish("t", "x"));
    }

    [Theory, BothVersions]
    public async Task Subscriptions_of_a_session_are_bounded(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxSubscriptionsPerSession = 2);
        await using var client = await broker.ConnectAsync("a", version);

        var answer = await client.SubscribeAsync(null, Request("t/1", AtMostOnce), Request("t/2", AtMostOnce), Request("t/3", AtMostOnce), Request("t/1", AtLeastOnce));

        var refusal = version == V5 ? ReasonCode.QuotaExceeded : ReasonCode.UnspecifiedError;
        Assert.Equal([ReasonCode.Success, ReasonCode.Success, refusal, ReasonCode.GrantedQos1], answer.Reasons);
        Assert.Equal(0, broker.Publish("t/3", "x"));
    }

    [Theory, BothVersions]
    public async Task Own_messages_come_back_unless_asked_not_to(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse("t"), AtMostOnce, NoLocal: true));

        await client.PublishAsync("t", "mine");

        if (version == V311) await client.ExpectMessageAsync("mine");       // 3.1.1 cannot ask
        await client.ExpectNothingAsync();
        broker.Publish("t", "other's");
        await client.ExpectMessageAsync("other's");
    }

    [Fact]
    public async Task Retain_flag_is_delivered_as_published_when_asked_to()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse("t"), AtMostOnce, RetainAsPublished: true));

        await client.PublishAsync("t", "kept", retain: true);
        await client.PublishAsync("t", "passing");

        Assert.True((await client.ExpectMessageAsync("kept")).Retain);
        Assert.False((await client.ExpectMessageAsync("passing")).Retain);
    }

    [Theory, BothVersions]
    public async Task Subscriptions_end_with_their_session(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync(null, Request("t/1", AtLeastOnce), Request("t/#", AtLeastOnce));
        Assert.Equal(1, broker.Publish("t/1", "x"));

        await client.LoseAsync();

        Assert.Equal(0, broker.Publish("t/1", "x"));
    }

    private static SubscriptionRequest Request(string filter, QualityOfService qos) => new(TopicFilter.Parse(filter), qos);
}
