using System.Text;

namespace IoTFleet.Conformance.Format;

/// <summary>Chapter 2: fixed header, packet identifier, property length.</summary>
public sealed class PacketFormatTests : ConformanceTest
{
    [Theory]
    [BothVersions("PUBACK", 0x41)]
    [BothVersions("PUBREC", 0x51)]
    [BothVersions("PUBREL", 0x60)]
    [BothVersions("PUBCOMP", 0x71)]
    public async Task Reserved_flags_of_an_acknowledgement_end_the_connection(ProtocolVersion version, string packet, int firstByte)
    {
        Assert.NotEmpty(packet);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(firstByte, [0, 1]));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions(0x80)]
    [BothVersions(0x83)]
    public async Task Reserved_flags_of_SUBSCRIBE_end_the_connection(ProtocolVersion version, int firstByte)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(firstByte, [0, 1], Raw.NoProperties(version), Raw.Text(Topic()), [0]));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions(0xA0)]
    [BothVersions(0xA6)]
    public async Task Reserved_flags_of_UNSUBSCRIBE_end_the_connection(ProtocolVersion version, int firstByte)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(firstByte, [0, 1], Raw.NoProperties(version), Raw.Text(Topic())));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions("C1 00")]
    [BothVersions("C8 00")]
    public async Task Reserved_flags_of_PINGREQ_end_the_connection(ProtocolVersion version, string packet)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task Reserved_packet_type_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync("00 00");
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task Server_sets_reserved_flags_as_listed(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new SubscribePacket { PacketId = 3, Subscriptions = [new(TopicFilter.Parse(Topic()), ExactlyOnce)] });
        await client.ExpectBytesAsync(version == V5 ? "90 04 00 03 00 02" : "90 03 00 03 02");

        await client.SendAsync(new PubRecPacket { PacketId = 9 });                                  // of no message: its answer is a PUBREL all the same
        var answer = await client.ReceiveBytesAsync(1);
        Assert.Equal("62", Convert.ToHexString(answer));
    }

    [Theory, BothVersions]
    public async Task Message_at_QoS_0_carries_no_packet_identifier(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version);
        await client.PublishAsync(Topic(), "x");
        await client.ExpectBytesAsync(Convert.ToHexString(Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()))));
    }

    [Theory, OnlyVersion(V5)]
    public async Task Absent_properties_are_a_length_of_zero(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version);
        await client.PublishAsync(Topic(), "x");
        await client.ExpectBytesAsync(Convert.ToHexString(Raw.Packet(0x30, Raw.Text(Topic()), [0], "x"u8.ToArray())));
    }

    [Theory, BothVersions]
    public async Task SUBSCRIBE_with_packet_identifier_zero_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 0], Raw.NoProperties(version), Raw.Text(Topic()), [0]));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task UNSUBSCRIBE_with_packet_identifier_zero_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0xA2, [0, 0], Raw.NoProperties(version), Raw.Text(Topic())));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory]
    [BothVersions(0x32)]
    [BothVersions(0x34)]
    public async Task PUBLISH_with_packet_identifier_zero_ends_the_connection(ProtocolVersion version, int firstByte)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(firstByte, Raw.Text(Topic()), [0, 0], Raw.NoProperties(version), "x"u8.ToArray()));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Server_gives_each_message_an_identifier_that_is_not_in_use(ProtocolVersion version, QualityOfService qos)
    {
        var client = await SubscriberAsync("a", version, qos: qos);
        HashSet<ushort> given = [0];
        for (var i = 0; i < 10; i++)
        {
            await client.PublishAsync(Topic(), $"{i}");
            await client.PublishAsync(Topic(), $"{i}", AtLeastOnce, (ushort)(i + 1));
        }

        for (var received = 0; received < 20;)
        {
            if (await client.ReceiveAsync() is not PublishPacket message) continue;     // the acknowledgements of its own messages lie between
            received++;
            if (message.Qos != AtMostOnce) Assert.True(given.Add(message.PacketId));
        }

        Assert.Equal(11, given.Count);
    }

    [Theory, BothVersions]
    public async Task Identifier_is_free_again_when_its_message_is_acknowledged(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        for (var i = 0; i < 200; i++)       // more than may be in flight: each needs an identifier that was given back
        {
            await client.PublishAsync(Topic(), "x", AtLeastOnce, 1);
            var (ack, message) = await AckAndMessageAsync(client);
            Assert.Equal(1, ack.PacketId);
            await client.SendAsync(new PubAckPacket { PacketId = message.PacketId });
        }

        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Acknowledgements_carry_the_identifier_of_their_message(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await SubscribeAsync(client);       // so that no acknowledgement has to say that nobody is there
        await client.PublishAsync(Topic("other"), "x", AtLeastOnce, 0x0102);
        Assert.Equal(0x0102, (await client.ExpectAsync<PubAckPacket>()).PacketId);
        await client.PublishAsync(Topic("other"), "x", ExactlyOnce, 0xFFFF);
        Assert.Equal(0xFFFF, (await client.ExpectAsync<PubRecPacket>()).PacketId);
        await client.SendAsync(new PubRelPacket { PacketId = 0xFFFF });
        Assert.Equal(0xFFFF, (await client.ExpectAsync<PubCompPacket>()).PacketId);
    }

    [Theory, BothVersions]
    public async Task PUBREL_carries_the_identifier_of_its_message(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: ExactlyOnce);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", ExactlyOnce, 7);
        await publisher.ExpectAsync<PubRecPacket>();
        await publisher.SendAsync(new PubRelPacket { PacketId = 7 });
        var message = await client.ExpectMessageAsync("x");
        await client.SendAsync(new PubRecPacket { PacketId = message.PacketId });
        Assert.Equal(message.PacketId, (await client.ExpectAsync<PubRelPacket>()).PacketId);
    }

    [Theory, BothVersions]
    public async Task SUBACK_and_UNSUBACK_carry_the_identifier_of_their_request(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new SubscribePacket { PacketId = 0xFFFE, Subscriptions = [new(TopicFilter.Parse(Topic()), AtMostOnce)] });
        Assert.Equal(0xFFFE, (await client.ExpectAsync<SubAckPacket>()).PacketId);
        await client.SendAsync(new UnsubscribePacket { PacketId = 0xFFFD, Filters = [TopicFilter.Parse(Topic())] });
        Assert.Equal(0xFFFD, (await client.ExpectAsync<UnsubAckPacket>()).PacketId);
    }

    /// <summary>The two come in either order.</summary>
    private static async Task<(PubAckPacket Ack, PublishPacket Message)> AckAndMessageAsync(RawClient client)
    {
        var (one, two) = (await client.ReceiveAsync(), await client.ReceiveAsync());
        return one is PubAckPacket ack ? (ack, Assert.IsType<PublishPacket>(two)) : (Assert.IsType<PubAckPacket>(two), Assert.IsType<PublishPacket>(one));
    }
}
