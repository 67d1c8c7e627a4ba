using System.Text;

namespace IoTFleet.Conformance.Packets;

/// <summary>Sections 3.8 and 3.9, SUBSCRIBE and SUBACK.</summary>
public sealed class SubscribeTests : ConformanceTest
{
    [Theory]
    [BothVersions("C0 80")]
    [BothVersions("61 ED A0 80")]
    [BothVersions("61 00")]
    public async Task Ill_formed_filter_ends_the_connection(ProtocolVersion version, string hex)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1], Raw.NoProperties(version), Raw.Text(Raw.Hex(hex)), [0]));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicFilterInvalid);
    }

    [Theory, BothVersions]
    public async Task SUBSCRIBE_without_a_filter_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1], Raw.NoProperties(version)));
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task Filter_without_its_options_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1], Raw.NoProperties(version), Raw.Text(Topic())));
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions(0x40)]
    [BothVersions(0x80)]
    [OnlyVersion(V311, 0x04)]
    [OnlyVersion(V311, 0x10)]
    public async Task Reserved_bits_of_the_options_end_the_connection(ProtocolVersion version, int options)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1], Raw.NoProperties(version), Raw.Text(Topic()), [(byte)options]));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory]
    [BothVersions("QoS 3", 0x03)]
    [OnlyVersion(V5, "retain handling 3", 0x30)]
    public async Task Option_that_means_nothing_ends_the_connection(ProtocolVersion version, string what, int options)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1], Raw.NoProperties(version), Raw.Text(Topic()), [(byte)options]));
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }

    [Theory, OnlyVersion(V5)]
    public async Task No_local_keeps_a_clients_own_messages_from_it(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        var other = await ConnectAsync("b", version);
        await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse(Topic()), AtMostOnce, NoLocal: true));
        await client.PublishAsync(Topic(), "own");
        await SettleAsync(client);
        await other.PublishAsync(Topic(), "other's");
        await client.ExpectMessageAsync("other's");
    }

    [Theory, OnlyVersion(V5)]
    public async Task No_local_on_a_shared_subscription_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1, 0], Raw.Text($"$share/g/{Topic()}"), [0x04]));
        await ExpectEndAsync(client, ReasonCode.ProtocolError);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Two_subscription_identifiers_end_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1], Raw.Properties(version, Raw.Hex("0B 01 0B 02")), Raw.Text(Topic()), [0]));
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task SUBSCRIBE_is_answered_with_its_identifier(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new SubscribePacket { PacketId = 0x1234, Subscriptions = [new(TopicFilter.Parse(Topic()), AtLeastOnce)] });
        await client.ExpectBytesAsync(version == V5 ? "90 04 12 34 00 01" : "90 03 12 34 01");
    }

    [Theory, BothVersions]
    public async Task Same_filter_again_replaces_the_subscription(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        await SubscribeAsync(client);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", AtLeastOnce, 1);
        Assert.Equal(AtMostOnce, (await client.ExpectMessageAsync("x")).Qos);
        await ExpectNothingElseAsync(client, await ConnectAsync("c", version));      // and one copy of it
    }

    [Theory, OnlyVersion(V5)]
    public async Task Same_filter_again_replaces_all_options(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        var filter = TopicFilter.Parse(Topic());
        await client.SubscribeAsync(new PropertyBlock { SubscriptionIdentifiers = [1] }, new SubscriptionRequest(filter, AtMostOnce, NoLocal: true, RetainAsPublished: true));
        await client.SubscribeAsync(new PropertyBlock { SubscriptionIdentifiers = [2] }, new SubscriptionRequest(filter, AtMostOnce));
        await client.PublishAsync(Topic(), "x", retain: true);
        var message = await client.ExpectMessageAsync("x");
        Assert.False(message.Retain);
        Assert.Equal([2], message.Properties.SubscriptionIdentifiers);
    }

    [Theory, BothVersions]
    public async Task No_message_is_lost_while_a_subscription_is_replaced(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        var publisher = await ConnectAsync("b", version);
        for (var i = 1; i <= 20; i++)
        {
            await publisher.PublishAsync(Topic(), $"{i}", AtLeastOnce, (ushort)i);
            await client.SendAsync(new SubscribePacket { PacketId = (ushort)i, Subscriptions = [new(TopicFilter.Parse(Topic()), AtLeastOnce)] });
        }

        List<string> got = [];
        for (var answers = 0; got.Count + answers < 40;)
        {
            var packet = await client.ReceiveAsync();
            if (packet is PublishPacket message) got.Add(Encoding.UTF8.GetString(message.Payload.Span));
            else if (packet is SubAckPacket) answers++;
            if (packet is PublishPacket { PacketId: var id }) await client.SendAsync(new PubAckPacket { PacketId = id });
        }

        Assert.Equal(Enumerable.Range(1, 20).Select(i => $"{i}"), got);
    }

    [Theory, BothVersions]
    public async Task Several_filters_are_handled_one_after_the_other_and_answered_at_once(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        SubscriptionRequest[] requests = [Request("1", ExactlyOnce), Request("2", AtMostOnce), Request("3", AtLeastOnce), Request("2", AtLeastOnce)];
        var answer = await client.SubscribeAsync(properties: null, requests);
        Assert.Equal([ReasonCode.GrantedQos2, ReasonCode.Success, ReasonCode.GrantedQos1, ReasonCode.GrantedQos1], answer.Reasons);

        var publisher = await ConnectAsync("b", version);
        foreach (var topic in (string[])["1", "2", "3"]) await publisher.PublishAsync(Topic(topic), topic, AtLeastOnce, 9);
        foreach (var topic in (string[])["1", "2", "3"]) Assert.Equal(AtLeastOnce, (await client.ExpectMessageAsync(topic)).Qos);
        await ExpectNothingElseAsync(client, await ConnectAsync("c", version));
    }

    [Theory, BothVersions]
    public async Task Refused_filter_has_a_code_of_failure_in_its_place(ProtocolVersion version)
    {
        var refused = Topic("no");
        Target.InProcess("refuse a filter").Access.SubscribeAnswer = (_, filter) => filter.Value != refused;
        var client = await ConnectAsync("a", version);
        var answer = await client.SubscribeAsync(properties: null, Request("1", AtLeastOnce), Request("no", ExactlyOnce), Request("2", AtMostOnce));
        Assert.Equal([ReasonCode.GrantedQos1, version == V5 ? ReasonCode.NotAuthorized : ReasonCode.UnspecifiedError, ReasonCode.Success], answer.Reasons);
        Assert.Empty(answer.Properties.UserProperties);
    }

    [Theory]
    [OnlyVersion(V5, 1)]
    [OnlyVersion(V5, 60)]
    public async Task Reason_string_of_SUBACK_fits_into_the_clients_largest_packet(ProtocolVersion version, int filters)
    {
        Target.InProcess("refuse a filter").Access.SubscribeAnswer = (_, _) => false;
        var requests = Enumerable.Range(0, filters).Select(i => Request($"{i}", AtMostOnce)).ToArray();
        var lengths = new HashSet<int?>();
        for (var largest = 70; largest < 250; largest++)
        {
            var client = await ConnectAsync($"{largest}", version, properties: new PropertyBlock { MaximumPacketSize = (uint)largest });
            var answer = await client.SubscribeAsync(properties: null, requests);
            Assert.InRange(Mqtt.Wire.PacketWriter.Measure(answer, version), 1, largest);
            lengths.Add(answer.Properties.ReasonString?.Length);
        }

        Assert.Equal(2, lengths.Count);         // none where it is narrow, the whole of it where there is room
    }

    [Theory]
    [BothVersions(AtMostOnce)]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Message_comes_at_the_lower_of_its_QoS_and_the_granted(ProtocolVersion version, QualityOfService granted)
    {
        var client = await SubscriberAsync("a", version, qos: granted);
        var publisher = await ConnectAsync("b", version);
        foreach (var published in (QualityOfService[])[AtMostOnce, AtLeastOnce, ExactlyOnce])
        {
            await publisher.PublishAsync(Topic(), $"{published}", published, (ushort)(published == AtMostOnce ? 0 : 5));
            if (published == AtLeastOnce) await publisher.ExpectAsync<PubAckPacket>();
            if (published == ExactlyOnce) await ReleaseAsync(publisher);
            var message = await client.ExpectMessageAsync($"{published}");
            Assert.Equal(published < granted ? published : granted, message.Qos);
        }
    }

    private static async Task ReleaseAsync(RawClient publisher)
    {
        await publisher.ExpectAsync<PubRecPacket>();
        await publisher.SendAsync(new PubRelPacket { PacketId = 5 });
    }

    private SubscriptionRequest Request(string topic, QualityOfService qos) => new(TopicFilter.Parse(Topic(topic)), qos);
}
