namespace IoTFleet.Conformance.Packets;

/// <summary>Sections 3.10 and 3.11, UNSUBSCRIBE and UNSUBACK.</summary>
public sealed class UnsubscribeTests : ConformanceTest
{
    [Theory]
    [BothVersions("C0 80")]
    [BothVersions("61 00")]
    public async Task Ill_formed_filter_ends_the_connection(ProtocolVersion version, string hex)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0xA2, [0, 1], Raw.NoProperties(version), Raw.Text(Raw.Hex(hex))));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicFilterInvalid);
    }

    [Theory, BothVersions]
    public async Task UNSUBSCRIBE_without_a_filter_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0xA2, [0, 1], Raw.NoProperties(version)));
        await ExpectEndAsync(client, ReasonCode.ProtocolError, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task Filter_is_compared_character_by_character(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await SubscribeAsync(client, "+/x");
        foreach (var other in (string[])["1/x", "#", "+/X", "+/x/"]) await UnsubscribeAsync(client, other);
        await client.PublishAsync(Topic("1/x"), "still here");
        await client.ExpectMessageAsync("still here");

        await UnsubscribeAsync(client, "+/x");
        await client.PublishAsync(Topic("1/x"), "gone");
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task After_UNSUBACK_no_new_message_comes(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        var publisher = await ConnectAsync("b", version);
        await UnsubscribeAsync(client, "t");
        await publisher.PublishAsync(Topic(), "x", AtLeastOnce, 1);
        await publisher.ExpectAsync<PubAckPacket>();
        await ExpectNothingElseAsync(client, publisher);
    }

    [Theory]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Delivery_that_has_begun_is_completed(ProtocolVersion version, QualityOfService qos)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: qos);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", qos, 1);
        if (qos == ExactlyOnce) await publisher.SendAsync(new PubRelPacket { PacketId = 1 });
        await client.ExpectMessageAsync("x");
        await UnsubscribeAsync(client, "t");
        await LeaveAsync(client);

        var back = await ConnectToStayAsync("a", version);
        var message = await back.ExpectMessageAsync("x");
        await back.SendAsync(qos == AtLeastOnce ? new PubAckPacket { PacketId = message.PacketId } : new PubRecPacket { PacketId = message.PacketId });
        if (qos == ExactlyOnce) Assert.Equal(message.PacketId, (await back.ExpectAsync<PubRelPacket>()).PacketId);
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task UNSUBSCRIBE_is_answered_with_its_identifier_whether_there_was_something_or_not(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version);
        foreach (var code in (string[])["00", "11"])        // there was one, and the second time there is none
        {
            await client.SendAsync(new UnsubscribePacket { PacketId = 0x1234, Filters = [TopicFilter.Parse(Topic())] });
            await client.ExpectBytesAsync(version == V5 ? $"B0 04 12 34 00 {code}" : "B0 02 12 34");
        }
    }

    [Theory, BothVersions]
    public async Task Several_filters_are_handled_one_after_the_other_and_answered_at_once(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, "1");
        await SubscribeAsync(client, "2");
        await client.SendAsync(new UnsubscribePacket { PacketId = 2, Filters = [.. ((string[])["1", "never", "2", "1"]).Select(topic => TopicFilter.Parse(Topic(topic)))] });
        var reasons = (await client.ExpectAsync<UnsubAckPacket>()).Reasons;
        if (version == V5) Assert.Equal([ReasonCode.Success, ReasonCode.NoSubscriptionExisted, ReasonCode.Success, ReasonCode.NoSubscriptionExisted], reasons);

        await client.PublishAsync(Topic("1"), "x");
        await client.PublishAsync(Topic("2"), "x");
        await client.ExpectNothingAsync();
    }

    private async Task UnsubscribeAsync(RawClient client, string topic)
    {
        await client.SendAsync(new UnsubscribePacket { PacketId = 2, Filters = [TopicFilter.Parse(Topic(topic))] });
        await client.ExpectAsync<UnsubAckPacket>();
    }
}
