using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>AUTH (MQTT 5.0, 3.15): one step of enhanced authentication. Does not exist in 3.1.1.</summary>
public sealed class AuthPacket : Packet
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.Auth;

    /// <summary>
    /// <see cref="ReasonCode.Success"/>, <see cref="ReasonCode.ContinueAuthentication"/> or <see cref="ReasonCode.ReAuthenticate"/>.
    /// </summary>
    public ReasonCode Reason { get; init; }

    /// <summary>Authentication Method and Data, Reason String, User Properties.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal static AuthPacket Read(ref WireReader reader)
    {
        if (reader.AtEnd) return new AuthPacket(); // 3.15.2.1: short form
        return new AuthPacket
        {
            Reason = ReasonCodeTable.Read(ref reader, PacketType.Auth),
            Properties = PropertyBlock.Read(ref reader, PacketSet.Auth),
        };
    }

    internal override void Write(ref WireWriter writer)
    {
        if (writer.Version == ProtocolVersion.V311) throw new ArgumentException("There is no AUTH in MQTT 3.1.1.");
        if (Reason == ReasonCode.Success && Properties.IsEmpty) return;
        writer.WriteByte((byte)Reason);
        Properties.Write(ref writer, PacketSet.Auth);
    }
}
