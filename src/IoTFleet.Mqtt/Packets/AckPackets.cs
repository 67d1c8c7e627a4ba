using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>What PUBACK, PUBREC, PUBREL and PUBCOMP share (MQTT 5.0, 3.4 to 3.7): an identifier and, in 5.0, a reason and properties.</summary>
public abstract class AckPacket : Packet
{
    private protected AckPacket()
    {
    }

    /// <summary>The identifier of the message that is acknowledged, 1 to 65,535.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>How it went; 3.1.1 can only say <see cref="ReasonCode.Success"/>.</summary>
    public ReasonCode Reason { get; init; }

    /// <summary>Reason String and User Properties; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    private protected static (ushort PacketId, ReasonCode Reason, PropertyBlock Properties) ReadFields(ref WireReader reader, PacketType type)
    {
        var packetId = reader.ReadPacketId();
        if (reader.Version == ProtocolVersion.V311 || reader.AtEnd) return (packetId, ReasonCode.Success, PropertyBlock.None); // 3.4.2.1
        var reason = ReasonCodeTable.Read(ref reader, type);
        var properties = reader.AtEnd ? PropertyBlock.None : PropertyBlock.Read(ref reader, type.AsSet()); // 3.4.2.2.1: no length means none
        return (packetId, reason, properties);
    }

    internal sealed override void Write(ref WireWriter writer)
    {
        writer.WritePacketId(PacketId);
        if (writer.Version == ProtocolVersion.V311 || (Reason == ReasonCode.Success && Properties.IsEmpty)) return;
        writer.WriteByte((byte)Reason);
        if (!Properties.IsEmpty) Properties.Write(ref writer, Type.AsSet());
    }
}

/// <summary>PUBACK (MQTT 5.0, 3.4): the receiver has taken over a QoS 1 message, or refused it.</summary>
public sealed class PubAckPacket : AckPacket
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.PubAck;

    internal static PubAckPacket Read(ref WireReader reader)
    {
        var (packetId, reason, properties) = ReadFields(ref reader, PacketType.PubAck);
        return new PubAckPacket { PacketId = packetId, Reason = reason, Properties = properties };
    }
}

/// <summary>PUBREC (MQTT 5.0, 3.5): the receiver has taken over a QoS 2 message, or refused it.</summary>
public sealed class PubRecPacket : AckPacket
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.PubRec;

    internal static PubRecPacket Read(ref WireReader reader)
    {
        var (packetId, reason, properties) = ReadFields(ref reader, PacketType.PubRec);
        return new PubRecPacket { PacketId = packetId, Reason = reason, Properties = properties };
    }
}

/// <summary>PUBREL (MQTT 5.0, 3.6): the sender will not send the QoS 2 message again.</summary>
public sealed class PubRelPacket : AckPacket
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.PubRel;

    internal override byte Flags => ReservedFlags; // [MQTT-3.6.1-1]

    internal static PubRelPacket Read(ref WireReader reader)
    {
        var (packetId, reason, properties) = ReadFields(ref reader, PacketType.PubRel);
        return new PubRelPacket { PacketId = packetId, Reason = reason, Properties = properties };
    }
}

/// <summary>PUBCOMP (MQTT 5.0, 3.7): the QoS 2 delivery is over and its identifier free.</summary>
public sealed class PubCompPacket : AckPacket
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.PubComp;

    internal static PubCompPacket Read(ref WireReader reader)
    {
        var (packetId, reason, properties) = ReadFields(ref reader, PacketType.PubComp);
        return new PubCompPacket { PacketId = packetId, Reason = reason, Properties = properties };
    }
}
