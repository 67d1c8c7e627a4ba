namespace IoTFleet.Conformance.Behaviour;

/// <summary>Section 4.13, in 3.1.1 section 4.8: what an error ends and what it does not.</summary>
public sealed class ErrorTests : ConformanceTest
{
    [Theory]
    [BothVersions("truncated SUBSCRIBE", "82 03 00 01 00")]
    [BothVersions("PUBACK that is too short", "40 01 00")]
    [BothVersions("PUBLISH without a topic", "30 00")]
    [BothVersions("CONNACK from a client", "20 02 00 00")]
    [BothVersions("SUBACK from a client", "90 03 00 01 00")]
    [BothVersions("PINGRESP from a client", "D0 00")]
    [BothVersions("length of five bytes", "30 FF FF FF FF 01")]
    [OnlyVersion(V5, "property cut short", "30 07 00 01 61 03 26 00 01")]
    [OnlyVersion(V5, "property of another packet", "30 09 00 01 61 05 11 00 00 00 01")]
    [OnlyVersion(V5, "property twice", "30 09 00 01 61 04 01 00 01 00 78")]
    public async Task Malformed_packet_or_protocol_error_ends_the_connection(ProtocolVersion version, string what, string packet)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError, ReasonCode.TopicNameInvalid, ReasonCode.TopicFilterInvalid);
    }

    [Theory, BothVersions]
    public async Task Error_of_one_client_does_not_touch_others(ProtocolVersion version)
    {
        var other = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version);
        await client.SendAsync("00 00");
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
        await other.PublishAsync(Topic(), "x");
        await other.ExpectMessageAsync("x");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Reason_of_an_acknowledgement_does_not_end_the_connection(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        await (await ConnectAsync("b", version)).PublishAsync(Topic(), "x", AtLeastOnce, 1);
        var message = await client.ExpectMessageAsync("x");
        await client.SendAsync(new PubAckPacket { PacketId = message.PacketId, Reason = ReasonCode.UnspecifiedError });
        await client.ExpectNothingAsync();
    }

    [Theory, OnlyVersion(V5)]
    public async Task DISCONNECT_with_a_reason_of_failure_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new DisconnectPacket { Reason = ReasonCode.ProtocolError });
        await client.ExpectClosedAsync();
    }
}
