using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>DISCONNECT (MQTT 5.0, 3.14): the last packet on a connection. In 3.1.1 only a client sends it and it has no content.</summary>
public sealed class DisconnectPacket : Packet
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.Disconnect;

    /// <summary>Why; <see cref="ReasonCode.Success"/> is the normal disconnection.</summary>
    public ReasonCode Reason { get; init; }

    /// <summary>Session Expiry Interval, Reason String, Server Reference, User Properties; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal static DisconnectPacket Read(ref WireReader reader)
    {
        if (reader.Version == ProtocolVersion.V311 || reader.AtEnd) return new DisconnectPacket(); // 3.14.2.1: short form
        return new DisconnectPacket
        {
            Reason = ReasonCodeTable.Read(ref reader, PacketType.Disconnect),
            Properties = reader.AtEnd ? PropertyBlock.None : PropertyBlock.Read(ref reader, PacketSet.Disconnect), // 3.14.2.2.1
        };
    }

    internal override void Write(ref WireWriter writer)
    {
        if (writer.Version == ProtocolVersion.V311 || (Reason == ReasonCode.Success && Properties.IsEmpty)) return;
        writer.WriteByte((byte)Reason);
        if (!Properties.IsEmpty) Properties.Write(ref writer, PacketSet.Disconnect);
    }
}
