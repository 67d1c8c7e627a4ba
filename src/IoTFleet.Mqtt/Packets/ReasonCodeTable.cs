using IoTFleet.Mqtt.Wire;
using static IoTFleet.Mqtt.Packets.PacketSet;
using static IoTFleet.Mqtt.ReasonCode;

namespace IoTFleet.Mqtt.Packets;

/// <summary>Which reason codes may stand in which packet (MQTT 5.0, table 2-6).</summary>
internal static class ReasonCodeTable
{
    public static ReasonCode Read(ref WireReader reader, PacketType type)
    {
        var reason = (ReasonCode)reader.ReadByte("reason code");
        if (IsAllowed(reason, type, reader.Version)) return reason;
        throw new ProtocolViolation(MalformedPacket, $"{type} with reason code {(byte)reason:X2}"); // [MQTT-3.4.2-1], 3.1.1 [MQTT-3.9.3-2]
    }

    public static ReasonCode[] ReadList(ref WireReader reader, PacketType type)
    {
        if (reader.AtEnd) throw new ProtocolViolation(MalformedPacket, $"{type} without a reason code");
        var reasons = new ReasonCode[reader.Remaining];
        for (var i = 0; i < reasons.Length; i++) reasons[i] = Read(ref reader, type);
        return reasons;
    }

    private static bool IsAllowed(ReasonCode reason, PacketType type, ProtocolVersion version) => version == ProtocolVersion.V311
        ? reason is Success or GrantedQos1 or GrantedQos2 or UnspecifiedError // only SUBACK comes here
        : (PacketsWith(reason) & type.AsSet()) != 0;

    public static PacketSet PacketsWith(ReasonCode reason) => reason switch
    {
        Success => ConnAck | Acks | UnsubAck | SubAck | Disconnect | Auth,
        GrantedQos1 or GrantedQos2 => SubAck,
        DisconnectWithWill => Disconnect,
        NoMatchingSubscribers => PubAck | PubRec,
        NoSubscriptionExisted => UnsubAck,
        ContinueAuthentication or ReAuthenticate => Auth,
        UnspecifiedError or ImplementationSpecificError or NotAuthorized => ConnAck | PubAck | PubRec | SubAck | UnsubAck | Disconnect,
        MalformedPacket or ProtocolError or ServerBusy or BadAuthenticationMethod or RetainNotSupported
            or QosNotSupported or UseAnotherServer or ServerMoved or ConnectionRateExceeded => ConnAck | Disconnect,
        UnsupportedProtocolVersion or ClientIdentifierNotValid or BadUserNameOrPassword or ServerUnavailable or Banned => ConnAck,
        ServerShuttingDown or KeepAliveTimeout or SessionTakenOver or ReceiveMaximumExceeded or TopicAliasInvalid or MessageRateTooHigh
            or AdministrativeAction or MaximumConnectTime => Disconnect,
        TopicFilterInvalid => SubAck | UnsubAck | Disconnect,
        TopicNameInvalid => ConnAck | PubAck | PubRec | Disconnect,
        PacketIdentifierInUse => PubAck | PubRec | SubAck | UnsubAck,
        PacketIdentifierNotFound => PubRel | PubComp,
        QuotaExceeded => ConnAck | PubAck | PubRec | SubAck | Disconnect,
        PacketTooLarge or PayloadFormatInvalid => ConnAck | PubAck | PubRec | Disconnect,
        SharedSubscriptionsNotSupported or SubscriptionIdentifiersNotSupported or WildcardSubscriptionsNotSupported => SubAck | Disconnect,
        _ => None,
    };
}
