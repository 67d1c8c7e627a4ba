using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>UNSUBACK (MQTT 5.0, 3.11): answers each filter of one UNSUBSCRIBE.</summary>
public sealed class UnsubAckPacket : Packet
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.UnsubAck;

    /// <summary>The identifier of the UNSUBSCRIBE.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>One per filter, in its order. 3.1.1 has none: they are not written, and empty when read.</summary>
    public required IReadOnlyList<ReasonCode> Reasons { get; init; }

    /// <summary>Reason String and User Properties; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal static UnsubAckPacket Read(ref WireReader reader) => new() // initialisers run in this order, which is the wire's
    {
        PacketId = reader.ReadPacketId(),
        Properties = PropertyBlock.Read(ref reader, PacketSet.UnsubAck),
        Reasons = reader.Version == ProtocolVersion.V311 ? [] : ReasonCodeTable.ReadList(ref reader, PacketType.UnsubAck),
    };

    internal override void Write(ref WireWriter writer)
    {
        writer.WritePacketId(PacketId);
        if (writer.Version == ProtocolVersion.V311) return;
        if (Reasons.Count == 0) throw new ArgumentException("UNSUBACK needs a reason for each filter."); // [MQTT-3.11.3-1]
        Properties.Write(ref writer, PacketSet.UnsubAck);
        foreach (var reason in Reasons) writer.WriteByte((byte)reason);
    }
}
