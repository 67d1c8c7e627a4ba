using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>PUBLISH (MQTT 5.0, 3.3): one message, either way.</summary>
public sealed class PublishPacket : Packet
{
    private const int RetainBit = 0b0001;
    private const int DuplicateBit = 0b1000;

    /// <inheritdoc/>
    public override PacketType Type => PacketType.Publish;

    /// <summary>
    /// Where the message goes. Null only in 5.0 and only with <see cref="PropertyBlock.TopicAlias"/>, which then stands for it (3.3.2.3.4).
    /// </summary>
    public required TopicName? Topic { get; init; }

    /// <summary>The message. When read, an array of its own that nothing else writes to.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>The delivery promise on this hop.</summary>
    public QualityOfService Qos { get; init; }

    /// <summary>To a server: keep this message for later subscribers. To a client: see 3.3.1.3.</summary>
    public bool Retain { get; init; }

    /// <summary>This may be a redelivery; never set with QoS 0.</summary>
    public bool Duplicate { get; init; }

    /// <summary>1 to 65,535 with QoS 1 and 2; 0, and not on the wire, with QoS 0.</summary>
    public ushort PacketId { get; init; }

    /// <summary>What goes with the message; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal override byte Flags => (byte)((Duplicate ? DuplicateBit : 0) | (int)Qos << 1 | (Retain ? RetainBit : 0));

    internal static PublishPacket Read(ref WireReader reader, int flags)
    {
        var qos = (QualityOfService)(flags >> 1 & 0b11);
        if (qos > QualityOfService.ExactlyOnce) // [MQTT-3.3.1-4]
            throw new ProtocolViolation(ReasonCode.MalformedPacket, "PUBLISH with QoS 3");
        if (qos == QualityOfService.AtMostOnce && (flags & DuplicateBit) != 0) // [MQTT-3.3.1-2]
            throw new ProtocolViolation(ReasonCode.MalformedPacket, "PUBLISH with DUP and QoS 0");

        var topic = reader.TryReadEmptyText() ? null : reader.ReadTopicName("topic name");
        var packetId = qos == 0 ? (ushort)0 : reader.ReadPacketId();
        var properties = PropertyBlock.Read(ref reader, PacketSet.Publish);
        if (topic is null && properties.TopicAlias is null) // 3.3.2.1; 3.1.1 [MQTT-4.7.3-1]
            throw new ProtocolViolation(ReasonCode.ProtocolError, "PUBLISH with neither topic nor alias");
        return new PublishPacket
        {
            Topic = topic,
            Payload = reader.ReadRest().ToArray(),
            Qos = qos,
            Retain = (flags & RetainBit) != 0,
            Duplicate = (flags & DuplicateBit) != 0,
            PacketId = packetId,
            Properties = properties,
        };
    }

    internal override void Write(ref WireWriter writer)
    {
        if (Topic is null) WriteNoTopic(ref writer);
        else writer.WriteTopicName(Topic);
        if (Qos != QualityOfService.AtMostOnce) writer.WritePacketId(PacketId);
        else if (Duplicate) throw new ArgumentException("A QoS 0 message is never a duplicate."); // [MQTT-3.3.1-2]
        Properties.Write(ref writer, PacketSet.Publish);
        writer.WriteBytes(Payload.Span);
    }

    private void WriteNoTopic(ref WireWriter writer)
    {
        if (writer.Version == ProtocolVersion.V311 || Properties.TopicAlias is null)
            throw new ArgumentException("A message without a topic needs an alias and MQTT 5.0.");
        writer.WriteUInt16(0);
    }
}
