using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>SUBACK (MQTT 5.0, 3.9): answers each subscription of one SUBSCRIBE.</summary>
public sealed class SubAckPacket : Packet
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.SubAck;

    /// <summary>The identifier of the SUBSCRIBE.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>One per subscription, in its order: the QoS granted or a failure. In 3.1.1 every failure is 0x80 [MQTT-3.9.3-2].</summary>
    public required IReadOnlyList<ReasonCode> Reasons { get; init; }

    /// <summary>Reason String and User Properties; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal static SubAckPacket Read(ref WireReader reader) => new() // initialisers run in this order, which is the wire's
    {
        PacketId = reader.ReadPacketId(),
        Properties = PropertyBlock.Read(ref reader, PacketSet.SubAck),
        Reasons = ReasonCodeTable.ReadList(ref reader, PacketType.SubAck),
    };

    internal override void Write(ref WireWriter writer)
    {
        if (Reasons.Count == 0) throw new ArgumentException("SUBACK needs a reason for each subscription."); // [MQTT-3.8.4-6]
        writer.WritePacketId(PacketId);
        Properties.Write(ref writer, PacketSet.SubAck);
        foreach (var reason in Reasons)
            writer.WriteByte((byte)(writer.Version == ProtocolVersion.V311 && reason.IsFailure() ? ReasonCode.UnspecifiedError : reason));
    }
}
