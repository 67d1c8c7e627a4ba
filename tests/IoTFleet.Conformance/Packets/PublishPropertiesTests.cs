using System.Text;

namespace IoTFleet.Conformance.Packets;

/// <summary>Section 3.3.2.3 of 5.0: the properties of a message.</summary>
public sealed class PublishPropertiesTests : ConformanceTest
{
    [Theory, OnlyVersion(V5)]
    public async Task Properties_of_a_message_arrive_as_they_were_sent(ProtocolVersion version)
    {
        var sent = new PropertyBlock
        {
            PayloadFormatIndicator = 1,
            ContentType = "application/json; ü",
            ResponseTopic = TopicName.Parse("answers/here"),
            CorrelationData = new byte[] { 0, 1, 0xFF },
        };
        var client = await SubscriberAsync("a", version);
        await client.PublishAsync(Topic(), "x", properties: sent);
        var got = (await client.ExpectMessageAsync("x")).Properties;
        Assert.Equal((sent.PayloadFormatIndicator, sent.ContentType, sent.ResponseTopic), (got.PayloadFormatIndicator, got.ContentType, got.ResponseTopic));
        Assert.Equal("0001FF", Convert.ToHexString(got.CorrelationData!.Value.Span));
    }

    [Theory, OnlyVersion(V5)]
    public async Task User_properties_arrive_unaltered_and_in_order(ProtocolVersion version)
    {
        UserProperty[] sent = [new("b", "2"), new("a", ""), new("b", "1"), new("", "ü"), new("b", "2")];
        var client = await SubscriberAsync("a", version);
        await client.PublishAsync(Topic(), "x", properties: new PropertyBlock { UserProperties = sent });
        Assert.Equal(sent, (await client.ExpectMessageAsync("x")).Properties.UserProperties);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Properties_of_a_retained_message_arrive_as_they_were_sent(ProtocolVersion version)
    {
        UserProperty[] sent = [new("b", "2"), new("a", "1")];
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", retain: true, properties: new PropertyBlock { UserProperties = sent, ContentType = "c" });
        await SettleAsync(publisher);
        var got = (await (await SubscriberAsync("a", version)).ExpectMessageAsync("x")).Properties;
        Assert.Equal(sent, got.UserProperties);
        Assert.Equal("c", got.ContentType);
    }

    [Theory]
    [OnlyVersion(V5, "Content Type", "03 00 02 C0 80")]
    [OnlyVersion(V5, "Response Topic", "08 00 02 C0 80")]
    public async Task Ill_formed_text_property_ends_the_connection(ProtocolVersion version, string what, string property)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()), Raw.Hex(property)));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicNameInvalid);
    }

    [Theory]
    [OnlyVersion(V5, "a/+")]
    [OnlyVersion(V5, "#")]
    public async Task Wildcard_in_a_response_topic_ends_the_connection(ProtocolVersion version, string topic)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()), [0x08, .. Raw.Text(topic)]));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicNameInvalid, ReasonCode.ProtocolError);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Message_that_waited_too_long_is_not_delivered(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: AtLeastOnce);
        await LeaveAsync(client);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "late", AtLeastOnce, 1, properties: new PropertyBlock { MessageExpiryInterval = 1 });
        await publisher.ExpectAsync<PubAckPacket>();
        await publisher.PublishAsync(Topic(), "for ever", AtLeastOnce, 2);
        await publisher.ExpectAsync<PubAckPacket>();
        await Target.PassAsync(Seconds(3));
        await (await ConnectToStayAsync("a", version)).ExpectMessageAsync("for ever");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Retained_message_that_is_over_is_not_delivered(ProtocolVersion version)
    {
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "late", retain: true, properties: new PropertyBlock { MessageExpiryInterval = 1 });
        await SettleAsync(publisher);
        await Target.PassAsync(Seconds(3));
        await (await SubscriberAsync("a", version)).ExpectNothingAsync();
    }

    [Theory, OnlyVersion(V5)]
    public async Task Lifetime_that_arrives_is_what_is_left_of_it(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: AtLeastOnce);
        await LeaveAsync(client);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", AtLeastOnce, 1, properties: new PropertyBlock { MessageExpiryInterval = 100 });
        await publisher.ExpectAsync<PubAckPacket>();
        await Target.PassAsync(Seconds(3));
        var left = (await (await ConnectToStayAsync("a", version)).ExpectMessageAsync("x")).Properties.MessageExpiryInterval;
        Assert.InRange(left!.Value, 90u, 97u);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Every_alias_up_to_the_maximum_is_taken(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var maximum = (await client.ConnectAsync(Id("a"))).Properties.TopicAliasMaximum;
        Assert.SkipWhen(maximum is null or 0, "This server takes no aliases.");
        await SubscribeAsync(client, "+");
        for (var alias = 1; alias <= maximum; alias++)
        {
            await client.PublishAsync(Topic($"{alias}"), "with topic", properties: new PropertyBlock { TopicAlias = (ushort)alias });
            await client.ExpectMessageAsync("with topic");
        }

        for (var alias = 1; alias <= maximum; alias++)
        {
            await client.SendAsync(RawClient.Publish(null, "without", properties: new PropertyBlock { TopicAlias = (ushort)alias }));
            Assert.Equal(Topic($"{alias}"), (await client.ExpectMessageAsync("without")).Topic!.Value);
        }
    }

    [Theory, OnlyVersion(V5)]
    public async Task Alias_above_the_maximum_ends_the_connection(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var maximum = (await client.ConnectAsync(Id("a"))).Properties.TopicAliasMaximum ?? 0;
        await client.PublishAsync(Topic(), "x", properties: new PropertyBlock { TopicAlias = (ushort)(maximum + 1) });
        await ExpectEndAsync(client, ReasonCode.TopicAliasInvalid, ReasonCode.ProtocolError);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Alias_of_zero_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()), Raw.Hex("23 00 00")));
        await ExpectEndAsync(client, ReasonCode.TopicAliasInvalid, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Alias_is_forgotten_with_its_connection(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await client.PublishAsync(Topic(), "x", properties: new PropertyBlock { TopicAlias = 1 });
        await client.ExpectNothingAsync();
        await LeaveAsync(client);

        var back = await ConnectToStayAsync("a", version);
        await back.SendAsync(RawClient.Publish(null, "x", properties: new PropertyBlock { TopicAlias = 1 }));
        await ExpectEndAsync(back, ReasonCode.ProtocolError, ReasonCode.TopicAliasInvalid);
    }

    [Theory]
    [OnlyVersion(V5, true)]
    [OnlyVersion(V5, false)]
    public async Task Client_that_takes_no_alias_gets_none(ProtocolVersion version, bool saysSo)
    {
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { TopicAliasMaximum = saysSo ? (ushort)0 : null });
        await SubscribeAsync(client);
        for (var i = 0; i < 10; i++)
        {
            await client.PublishAsync(Topic(), $"{i}");
            var message = await client.ExpectMessageAsync($"{i}");
            Assert.Equal((Topic(), null), (message.Topic?.Value, message.Properties.TopicAlias));
        }
    }

    [Theory, OnlyVersion(V5)]
    public async Task Aliases_of_the_server_stay_within_the_clients_maximum(ProtocolVersion version)
    {
        const int Maximum = 2;
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { TopicAliasMaximum = Maximum });
        await SubscribeAsync(client, "+");
        var known = new Dictionary<int, string>();
        for (var i = 0; i < 20; i++)
        {
            await client.PublishAsync(Topic($"{i % 4}"), "x");
            var message = await client.ExpectMessageAsync("x");
            var alias = message.Properties.TopicAlias ?? 0;
            Assert.InRange(alias, 0, Maximum);
            if (alias != 0 && message.Topic is not null) known[alias] = message.Topic.Value;
            Assert.Equal(Topic($"{i % 4}"), message.Topic?.Value ?? known[alias]);
        }
    }
}
