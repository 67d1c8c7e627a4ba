using System.Text;

namespace IoTFleet.Conformance.Packets;

/// <summary>Section 3.3, PUBLISH: flags, topic and who gets what at which QoS.</summary>
public sealed class PublishTests : ConformanceTest
{
    [Theory]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Message_sent_again_has_DUP_and_its_identifier(ProtocolVersion version, QualityOfService qos)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: qos);
        await PublishAsync(await ConnectAsync("b", version), "x", qos);
        var first = await client.ExpectMessageAsync("x");
        Assert.False(first.Duplicate);
        await LeaveAsync(client);

        var second = await (await ConnectToStayAsync("a", version)).ExpectMessageAsync("x");
        Assert.Equal((true, first.PacketId, qos), (second.Duplicate, second.PacketId, second.Qos));
    }

    [Theory, BothVersions]
    public async Task DUP_of_the_publisher_is_not_passed_on(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", AtLeastOnce, 1, duplicate: true);
        await publisher.ExpectAsync<PubAckPacket>();
        Assert.False((await client.ExpectMessageAsync("x")).Duplicate);
    }

    [Theory, BothVersions]
    public async Task DUP_at_QoS_0_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x38, Raw.Text(Topic()), Raw.NoProperties(version), "x"u8.ToArray()));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task QoS_of_three_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x36, Raw.Text(Topic()), [0, 1], Raw.NoProperties(version), "x"u8.ToArray()));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.QosNotSupported);
    }

    [Theory]
    [BothVersions("a/+")]
    [BothVersions("a/#")]
    [BothVersions("+")]
    public async Task Wildcard_in_a_topic_name_ends_the_connection(ProtocolVersion version, string topic)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Encoding.UTF8.GetBytes(topic)));
        await ExpectEndAsync(client, ReasonCode.TopicNameInvalid, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task Empty_topic_name_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, []));
        await ExpectEndAsync(client, ReasonCode.TopicNameInvalid, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task Message_comes_under_a_topic_that_matches_the_filter(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, "+/t");
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic("1/t"), "mine");
        await publisher.PublishAsync(Topic("1/u"), "not mine");
        Assert.Equal(Topic("1/t"), (await client.ExpectMessageAsync("mine")).Topic!.Value);
        await ExpectNothingElseAsync(client, publisher);
    }

    [Theory, BothVersions]
    public async Task QoS_decides_the_answer(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "0");
        await client.ExpectNothingAsync();
        await client.PublishAsync(Topic(), "1", AtLeastOnce, 1);
        await client.ExpectAsync<PubAckPacket>();
        await client.PublishAsync(Topic(), "2", ExactlyOnce, 2);
        await client.ExpectAsync<PubRecPacket>();
        await client.SendAsync(new PubRelPacket { PacketId = 2 });
        await client.ExpectAsync<PubCompPacket>();
    }

    [Theory, BothVersions]
    public async Task Overlapping_subscriptions_give_the_highest_QoS_of_them(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await SubscribeAsync(client, "#", AtMostOnce);
        await SubscribeAsync(client, "t", ExactlyOnce);
        await SubscribeAsync(client, "+", AtLeastOnce);
        await PublishAsync(await ConnectAsync("b", version), "x", ExactlyOnce);

        var highest = AtMostOnce;       // one copy, or one a subscription: both are allowed
        for (var copies = 0; copies < 3 && highest < ExactlyOnce; copies++)
        {
            var message = await client.ExpectMessageAsync("x");
            if (message.Qos > highest) highest = message.Qos;
        }

        Assert.Equal(ExactlyOnce, highest);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Overlapping_subscriptions_give_all_their_identifiers(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await SubscribeAsync(client, "#", properties: new PropertyBlock { SubscriptionIdentifiers = [7] });
        await SubscribeAsync(client, "+", properties: new PropertyBlock { SubscriptionIdentifiers = [268_435_455] });
        await SubscribeAsync(client, "t");
        await client.PublishAsync(Topic(), "x");

        List<uint> identifiers = [];
        while (identifiers.Count < 2) identifiers.AddRange((await client.ExpectMessageAsync("x")).Properties.SubscriptionIdentifiers);
        Assert.Equal([7u, 268_435_455u], identifiers.Order());
    }

    [Theory, OnlyVersion(V5)]
    public async Task Each_copy_names_the_subscriptions_it_is_sent_for(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await SubscribeAsync(client, "1", properties: new PropertyBlock { SubscriptionIdentifiers = [1] });
        await SubscribeAsync(client, "2", properties: new PropertyBlock { SubscriptionIdentifiers = [2] });
        await SubscribeAsync(client, "3");
        foreach (var topic in (string[])["1", "2", "3"]) await client.PublishAsync(Topic(topic), topic);

        Assert.Equal([1], (await client.ExpectMessageAsync("1")).Properties.SubscriptionIdentifiers);
        Assert.Equal([2], (await client.ExpectMessageAsync("2")).Properties.SubscriptionIdentifiers);
        Assert.Empty((await client.ExpectMessageAsync("3")).Properties.SubscriptionIdentifiers);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Subscription_identifier_from_a_client_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()), Raw.Hex("0B 01")));
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }

    [Theory, OnlyVersion(V311)]
    public async Task Message_that_is_not_allowed_ends_the_connection(ProtocolVersion version)
    {
        Target.InProcess("refuse a message").Access.PublishAnswer = (_, _) => false;
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "x", AtLeastOnce, 1);
        await client.ExpectClosedAsync();
    }

    private async Task PublishAsync(RawClient publisher, string payload, QualityOfService qos)
    {
        await publisher.PublishAsync(Topic(), payload, qos, 1);
        if (qos == AtLeastOnce) await publisher.ExpectAsync<PubAckPacket>();
        if (qos != ExactlyOnce) return;
        await publisher.ExpectAsync<PubRecPacket>();
        await publisher.SendAsync(new PubRelPacket { PacketId = 1 });
        await publisher.ExpectAsync<PubCompPacket>();
    }
}
