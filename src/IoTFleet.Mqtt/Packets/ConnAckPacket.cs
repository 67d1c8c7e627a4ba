using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>
/// CONNACK (MQTT 5.0, 3.2): the server's answer to CONNECT. For 3.1.1 the reason is turned into a return code and back, see <see cref="Reason"/>.
/// </summary>
public sealed class ConnAckPacket : Packet
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.ConnAck;

    /// <summary>The server resumes a stored session. Written as false with a failure [MQTT-3.2.2-6].</summary>
    public bool SessionPresent { get; init; }

    /// <summary>
    /// The outcome. The return codes of 3.1.1 (3.2.2.3) are 0 <see cref="ReasonCode.Success"/>, 1 <see
    /// cref="ReasonCode.UnsupportedProtocolVersion"/>,
    /// 2 <see cref="ReasonCode.ClientIdentifierNotValid"/>, 3 <see cref="ReasonCode.ServerUnavailable"/>, 4 <see
    /// cref="ReasonCode.BadUserNameOrPassword"/>
    /// (also written for <see cref="ReasonCode.BadAuthenticationMethod"/>), 5 <see cref="ReasonCode.NotAuthorized"/> (also for <see
    /// cref="ReasonCode.Banned"/>);
    /// every other failure is written as 3.
    /// </summary>
    public ReasonCode Reason { get; init; }

    /// <summary>What the server grants and limits; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal static ConnAckPacket Read(ref WireReader reader)
    {
        var flags = reader.ReadByte("connect acknowledge flags");
        if (flags > 1) // [MQTT-3.2.2-1]
            throw new ProtocolViolation(ReasonCode.MalformedPacket, $"connect acknowledge flags {flags:X2} have reserved bits");
        var reason = reader.Version == ProtocolVersion.V311
            ? FromReturnCode(reader.ReadByte("return code"))
            : ReasonCodeTable.Read(ref reader, PacketType.ConnAck);
        if (flags == 1 && reason.IsFailure()) // [MQTT-3.2.2-6], 3.1.1 [MQTT-3.2.2-4]
            throw new ProtocolViolation(ReasonCode.ProtocolError, "session present in a refusal");
        return new ConnAckPacket { SessionPresent = flags == 1, Reason = reason, Properties = PropertyBlock.Read(ref reader, PacketSet.ConnAck) };
    }

    internal override void Write(ref WireWriter writer)
    {
        writer.WriteByte(SessionPresent && !Reason.IsFailure() ? (byte)1 : (byte)0);
        writer.WriteByte(writer.Version == ProtocolVersion.V311 ? ToReturnCode(Reason) : (byte)Reason);
        Properties.Write(ref writer, PacketSet.ConnAck);
    }

    private static ReasonCode FromReturnCode(byte code) => code switch
    {
        0 => ReasonCode.Success,
        1 => ReasonCode.UnsupportedProtocolVersion,
        2 => ReasonCode.ClientIdentifierNotValid,
        3 => ReasonCode.ServerUnavailable,
        4 => ReasonCode.BadUserNameOrPassword,
        5 => ReasonCode.NotAuthorized,
        _ => throw new ProtocolViolation(ReasonCode.MalformedPacket, $"return code {code} is reserved"), // 3.1.1, table 3.1
    };

    private static byte ToReturnCode(ReasonCode reason) => reason switch
    {
        < ReasonCode.UnspecifiedError => 0,
        ReasonCode.UnsupportedProtocolVersion => 1,
        ReasonCode.ClientIdentifierNotValid => 2,
        ReasonCode.BadUserNameOrPassword or ReasonCode.BadAuthenticationMethod => 4,
        ReasonCode.NotAuthorized or ReasonCode.Banned => 5,
        _ => 3,
    };
}
