using IoTFleet.Broker.Routing;

namespace IoTFleet.Conformance.Packets;

/// <summary>Sections 3.4 to 3.7: what the acknowledgements say.</summary>
public sealed class AcknowledgementTests : ConformanceTest
{
    private static readonly string LongReason = new('x', 200);

    [Theory]
    [OnlyVersion(V5, ReasonCode.NotAuthorized)]
    [OnlyVersion(V5, ReasonCode.PayloadFormatInvalid)]
    [OnlyVersion(V5, ReasonCode.QuotaExceeded)]
    public async Task Refused_message_is_answered_with_a_code_of_its_acknowledgement(ProtocolVersion version, ReasonCode reason)
    {
        Target.InProcess("refuse a message").Sink.Refuse = _ => Acceptance.Refused(reason, "no");
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "1", AtLeastOnce, 1);
        Assert.Equal(reason, (await client.ExpectAsync<PubAckPacket>()).Reason);
        await client.PublishAsync(Topic(), "2", ExactlyOnce, 2);
        Assert.Equal(reason, (await client.ExpectAsync<PubRecPacket>()).Reason);
    }

    [Theory]
    [OnlyVersion(V5, null, true)]
    [OnlyVersion(V5, 100, false)]
    public async Task Reason_string_of_PUBACK_and_PUBREC_fits_into_the_clients_largest_packet(ProtocolVersion version, int? largest, bool isThere)
    {
        Target.InProcess("refuse a message").Sink.Refuse = _ => Acceptance.Refused(ReasonCode.QuotaExceeded, LongReason);
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { MaximumPacketSize = (uint?)largest });
        await client.PublishAsync(Topic(), "1", AtLeastOnce, 1);
        Assert.Equal(isThere ? LongReason : null, (await client.ExpectAsync<PubAckPacket>()).Properties.ReasonString);
        await client.PublishAsync(Topic(), "2", ExactlyOnce, 2);
        Assert.Equal(isThere ? LongReason : null, (await client.ExpectAsync<PubRecPacket>()).Properties.ReasonString);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Client_that_wants_no_explanations_gets_none(ProtocolVersion version)
    {
        var broker = Target.InProcess("refuse a message");
        broker.Sink.Refuse = _ => Acceptance.Refused(ReasonCode.QuotaExceeded, LongReason);
        broker.Access.SubscribeAnswer = (_, _) => false;
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { RequestProblemInformation = false });
        Assert.Equal(PropertyBlock.None, (await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse(Topic()), AtMostOnce))).Properties);
        await client.PublishAsync(Topic(), "1", AtLeastOnce, 1);
        Assert.Equal(PropertyBlock.None, (await client.ExpectAsync<PubAckPacket>()).Properties);
        await client.PublishAsync(Topic(), "2", ExactlyOnce, 2);
        Assert.Equal(PropertyBlock.None, (await client.ExpectAsync<PubRecPacket>()).Properties);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Requests_of_a_client_that_wants_no_explanations_are_answered_without(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { RequestProblemInformation = false });
        Assert.Equal(PropertyBlock.None, (await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse(Topic()), AtMostOnce))).Properties);
        await client.SendAsync(new UnsubscribePacket { PacketId = 2, Filters = [TopicFilter.Parse(Topic("never"))] });
        Assert.Equal(PropertyBlock.None, (await client.ExpectAsync<UnsubAckPacket>()).Properties);
        await client.SendAsync(new PubRelPacket { PacketId = 77 });
        Assert.Equal(PropertyBlock.None, (await client.ExpectAsync<PubCompPacket>()).Properties);
        await client.SendAsync(new PubRecPacket { PacketId = 78 });
        Assert.Equal(PropertyBlock.None, (await client.ExpectAsync<PubRelPacket>()).Properties);
    }

    [Theory, OnlyVersion(V5)]
    public async Task PUBREC_of_an_unknown_message_is_answered_all_the_same(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new PubRecPacket { PacketId = 77 });
        var answer = await client.ExpectAsync<PubRelPacket>();
        Assert.Contains(answer.Reason, (ReasonCode[])[ReasonCode.PacketIdentifierNotFound, ReasonCode.Success]);
        Assert.Equal((77, PropertyBlock.None), (answer.PacketId, answer.Properties));       // and no property that could make it too large
    }

    [Theory, OnlyVersion(V5)]
    public async Task PUBREL_of_an_unknown_message_is_answered_all_the_same(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new PubRelPacket { PacketId = 77 });
        var answer = await client.ExpectAsync<PubCompPacket>();
        Assert.Contains(answer.Reason, (ReasonCode[])[ReasonCode.PacketIdentifierNotFound, ReasonCode.Success]);
        Assert.Equal((77, PropertyBlock.None), (answer.PacketId, answer.Properties));
    }

    [Theory, OnlyVersion(V5)]
    public async Task Known_release_is_answered_without_code_and_properties(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "x", ExactlyOnce, 5);
        await client.ExpectAsync<PubRecPacket>();
        await client.SendAsync(new PubRelPacket { PacketId = 5 });
        await client.ExpectBytesAsync("70 02 00 05");
    }

    [Theory]
    [OnlyVersion(V5, "PUBACK", "40 03 00 01 01")]
    [OnlyVersion(V5, "PUBREC", "50 03 00 01 92")]
    [OnlyVersion(V5, "PUBREL", "62 03 00 01 80")]
    [OnlyVersion(V5, "PUBCOMP", "70 03 00 01 10")]
    public async Task Reason_code_of_another_packet_ends_the_connection(ProtocolVersion version, string what, string packet)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }
}
