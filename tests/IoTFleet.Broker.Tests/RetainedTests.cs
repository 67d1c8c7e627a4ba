using System.Text;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;

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

    [Fact]
    public async Task Own_retained_message_is_not_sent_to_who_asked_not_to_hear_itself()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await RetainAsync(client, "t", "mine");

        await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse("t"), AtMostOnce, NoLocal: true));

        await client.ExpectNothingAsync();                                      // [MQTT-3.8.3-3]
    }

    [Fact]
    public async Task Retained_topics_are_bounded()
    {
        await using var broker = new InMemoryBroker(options => options.MaxRetainedMessages = 2);
        await using var client = await broker.ConnectAsync("a", V5);
        await RetainAsync(client, "t/1", "x");
        await RetainAsync(client, "t/2", "x");

        await client.PublishAsync("t/3", "x", AtLeastOnce, 2, retain: true);
        Assert.Equal(ReasonCode.QuotaExceeded, (await client.ExpectAsync<PubAckPacket>()).Reason);
        Assert.Equal("retained-full", Assert.Single(broker.Refusals.Recent()).Reason);

        await RetainAsync(client, "t/2", "replaced");
        await RetainAsync(client, "t/1", "");
        await RetainAsync(client, "t/3", "has room now");
    }

    [Fact]
    public async Task Expired_retained_messages_make_room()
    {
        await using var broker = new InMemoryBroker(options => options.MaxRetainedMessages = 1);
        await using var client = await broker.ConnectAsync("a", V5, keepAlive: 600);
        await client.PublishAsync("t/1", "x", retain: true, properties: new PropertyBlock { MessageExpiryInterval = 10 });
        await client.ExpectNothingAsync();

        broker.Clock.Advance(TimeSpan.FromSeconds(20));

        await RetainAsync(client, "t/2", "x");
    }

    [Theory]
    [InlineData(nameof(BrokerOptions.MaxRetainedPerClient))]
    [InlineData(nameof(BrokerOptions.MaxRetainedBytesPerClient))]
    public async Task One_client_cannot_take_all_the_room(string setting)
    {
        await using var broker = new InMemoryBroker(options => Limit(options, setting));
        await using var client = await broker.ConnectAsync("a", V5);
        await RetainAsync(client, "t/1", new string('x', 900));

        await client.PublishAsync("t/2", new string('x', 900), AtLeastOnce, 2, retain: true);

        Assert.Equal(ReasonCode.QuotaExceeded, (await client.ExpectAsync<PubAckPacket>()).Reason);
        Assert.EndsWith($"Broker:{setting} is reached.", Assert.Single(broker.Refusals.Recent()).Detail, StringComparison.Ordinal);
        await using var other = await broker.ConnectAsync("b", V5);
        await RetainAsync(other, "t/2", new string('x', 900));
        Assert.Equal(2, broker.Metrics.RetainedMessages);
    }

    [Fact]
    public async Task Client_with_a_larger_share_has_more_room()
    {
        await using var broker = new InMemoryBroker(options => options.MaxRetainedPerClient = 1);
        broker.Access.Admit = connect => new Admission.Accepted(new ForTwo(connect.ClientId));
        await using var client = await broker.ConnectAsync("a", V5);
        await RetainAsync(client, "t/1", "x");
        await RetainAsync(client, "t/2", "x");

        await client.PublishAsync("t/3", "x", AtLeastOnce, 2, retain: true);

        Assert.Equal(ReasonCode.QuotaExceeded, (await client.ExpectAsync<PubAckPacket>()).Reason);
    }

    [Fact]
    public async Task Client_cannot_have_more_by_its_wills()
    {
        await using var broker = new InMemoryBroker(options => options.MaxRetainedPerClient = 1);
        for (var n = 0; n < 3; n++) await (await broker.ConnectAsync("a", V5, will: Clients.Will($"t/{n}", "gone", retain: true))).LoseAsync();

        Assert.Equal(1, broker.Metrics.RetainedMessages);
        Assert.Equal(["retained-full", "retained-full"], broker.Refusals.Recent().Select(refusal => refusal.Reason));
    }

    [Fact]
    public async Task Retained_bytes_are_bounded()
    {
        await using var broker = new InMemoryBroker(options => options.MaxRetainedBytes = 1024 * 1024);
        await using var client = await broker.ConnectAsync("a", V5);
        for (var n = 0; n < 5; n++) await RetainAsync(client, $"t/{n}", new string('x', 200_000));

        await client.PublishAsync("t/5", new string('x', 200_000), AtLeastOnce, 2, retain: true);

        Assert.Equal(ReasonCode.QuotaExceeded, (await client.ExpectAsync<PubAckPacket>()).Reason);
        await RetainAsync(client, "t/0", "");
        await RetainAsync(client, "t/5", new string('x', 200_000));
    }

    [Theory, BothVersions]
    public async Task Will_that_cannot_be_retained_is_published_all_the_same_and_reported(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxRetainedMessages = 1);
        await using var client = await broker.ConnectAsync("a", version);
        await RetainAsync(client, "taken", "x");
        await client.SubscribeAsync("will");

        await (await broker.ConnectAsync("b", version, will: Clients.Will("will", "gone", retain: true))).LoseAsync();

        await client.ExpectMessageAsync("gone");
        var refusal = Assert.Single(broker.Refusals.Recent());
        Assert.Equal(("retained-full", "b"), (refusal.Reason, refusal.ClientId));
        Assert.Equal(1, broker.Metrics.MessagesRefused);
    }

    [Theory, BothVersions]
    public async Task Suback_comes_before_the_retained_messages_of_all_its_filters(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await RetainAsync(client, "t/0", "0");
        await RetainAsync(client, "t/1", "1");

        await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse("t/0"), AtMostOnce), new SubscriptionRequest(TopicFilter.Parse("t/1"), ExactlyOnce));

        await client.ExpectMessageAsync("0");
        await client.ExpectMessageAsync("1");
    }

    [Theory, BothVersions]
    public async Task Who_subscribes_while_a_topic_changes_sees_each_value_once_and_in_order(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => (options.MaxOutboxPackets, options.MaxOutboxBytes) = (100_000, 256 * 1024 * 1024));
        for (var n = 0; n < 2_000; n++) Retain(broker, $"t/{n}", "0");      // so that to look them up takes a while

        var value = 0;
        for (var round = 0; round < 10; round++)
        {
            await using var client = await broker.ConnectAsync($"client-{round}", version);
            using var subscribed = new CancellationTokenSource();
            var publishing = Task.Run(() =>
            {
                // No more than fit the outbox: where the machine is busy, SUBSCRIBE takes its time, and a full outbox drops.
                for (var n = 0; n < 90_000 && !subscribed.IsCancellationRequested; n++) Retain(broker, "t/1000", $"{++value}");
            });

            await client.SubscribeAsync("t/#");
            await subscribed.CancelAsync();
            await publishing;
            Retain(broker, "t/end", "");

            var values = await ValuesAsync(client, "t/1000", topics: 2_001);
            Assert.Equal(Enumerable.Range(values[0], values.Count), values);
        }
    }

    [Theory]
    [InlineData(V311, AtMostOnce)]
    [InlineData(V5, AtMostOnce)]
    [InlineData(V311, AtLeastOnce)]
    [InlineData(V5, AtLeastOnce)]
    public async Task Subscription_gets_more_than_any_queue_holds(ProtocolVersion version, QualityOfService qos)
    {
        const int Topics = 2_000;
        await using var broker = new InMemoryBroker(options => (options.MaxOutboxPackets, options.MaxQueuedPerSession) = (16, 20));
        for (var n = 0; n < Topics; n++) broker.Publish($"t/{n}", "x", qos, retain: true);
        await using var client = await broker.ConnectToStayAsync("a", version);

        await client.SubscribeAsync("t/#", qos);

        var got = new HashSet<string>();
        while (got.Count < Topics) got.Add((await TakeAsync(client)).Topic!.Value);
        await client.ExpectNothingAsync();
        Assert.Equal(0, broker.Metrics.MessagesDropped);
    }

    [Fact]
    public async Task Message_that_is_replaced_before_its_turn_comes_is_not_sent()
    {
        await using var broker = new InMemoryBroker();
        for (var n = 0; n < 200; n++) broker.Publish($"t/{n:000}", "older", retain: true);
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { ReceiveMaximum = 1 });
        await client.SubscribeAsync("t/#", AtLeastOnce);

        for (var n = 0; n < 200; n++) broker.Publish($"t/{n:000}", "newer", retain: true);

        var got = new Dictionary<string, string>();
        for (var n = 0; n < 300 && got.Values.Count(value => value == "newer") < 200; n++)
        {
            var message = await TakeAsync(client);
            Assert.NotEqual("newer", got.GetValueOrDefault(message.Topic!.Value));     // nothing comes behind its successor
            got[message.Topic.Value] = Encoding.UTF8.GetString(message.Payload.Span);
        }

        Assert.All(got.Values, value => Assert.Equal("newer", value));
        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Client_that_unsubscribes_is_owed_nothing_more()
    {
        await using var broker = new InMemoryBroker();
        for (var n = 0; n < 200; n++) broker.Publish($"t/{n}", "x", retain: true);
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { ReceiveMaximum = 1 });
        await client.SubscribeAsync("t/#", AtLeastOnce);
        var first = await client.ExpectMessageAsync("x");

        await client.SendAsync(new UnsubscribePacket { PacketId = 2, Filters = [TopicFilter.Parse("t/#")] });
        await client.ExpectAsync<UnsubAckPacket>();
        await client.SendAsync(new PubAckPacket { PacketId = first.PacketId });

        for (var n = 0; n < 64; n++) await TakeAsync(client);       // what had taken its place in the queue
        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task What_is_still_owed_waits_for_a_client_that_goes_and_comes_back()
    {
        await using var broker = new InMemoryBroker();
        for (var n = 0; n < 200; n++) broker.Publish($"t/{n}", "x", retain: true);
        var client = await broker.ConnectToStayAsync("a", V5);
        await client.SubscribeAsync("t/#", AtLeastOnce);
        await client.LoseAsync();

        await using var back = (await broker.ReturnAsync("a", V5)).Client;

        var got = new HashSet<string>();
        while (got.Count < 200) got.Add((await TakeAsync(back)).Topic!.Value);
    }

    private static async Task<PublishPacket> TakeAsync(RawClient client)
    {
        var message = await client.ExpectAsync<PublishPacket>();
        if (message.Qos == AtLeastOnce) await client.SendAsync(new PubAckPacket { PacketId = message.PacketId });
        return message;
    }

    /// <summary>What comes of one topic, until all topics have come.</summary>
    private static async Task<List<int>> ValuesAsync(RawClient client, string topic, int topics)
    {
        var (values, seen) = (new List<int>(), new HashSet<string>());
        while (seen.Count < topics)
        {
            var message = await client.ExpectAsync<PublishPacket>();
            seen.Add(message.Topic!.Value);
            if (message.Topic.Value == topic) values.Add(Number(message));
        }

        return values;
    }

    private static void Retain(InMemoryBroker broker, string topic, string payload) => broker.Publish(topic, payload, AtMostOnce, retain: true);

    private static int Number(PublishPacket message) => int.Parse(message.Payload.Span, System.Globalization.CultureInfo.InvariantCulture);

    private sealed class ForTwo(string clientId) : Principal(clientId)
    {
        public override int RateShare => 2;
    }

    private static void Limit(BrokerOptions options, string setting)
    {
        if (setting == nameof(BrokerOptions.MaxRetainedPerClient)) options.MaxRetainedPerClient = 1;
        else options.MaxRetainedBytesPerClient = 1024;
    }

    private static async Task RetainAsync(RawClient client, string topic, string payload)
    {
        await client.PublishAsync(topic, payload, AtLeastOnce, 1, retain: true);
        Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<PubAckPacket>()).Reason);
        await client.ExpectNothingAsync();      // routed, and so kept, after its acknowledgement and before anything later
    }
}
