namespace IoTFleet.Mqtt.Packets;

/// <summary>A set of packet types, and the will as the standard's tables count it, for saying where something may stand.</summary>
[Flags]
internal enum PacketSet
{
    None = 0,
    Will = 1 << 0,
    Connect = 1 << PacketType.Connect,
    ConnAck = 1 << PacketType.ConnAck,
    Publish = 1 << PacketType.Publish,
    PubAck = 1 << PacketType.PubAck,
    PubRec = 1 << PacketType.PubRec,
    PubRel = 1 << PacketType.PubRel,
    PubComp = 1 << PacketType.PubComp,
    Subscribe = 1 << PacketType.Subscribe,
    SubAck = 1 << PacketType.SubAck,
    Unsubscribe = 1 << PacketType.Unsubscribe,
    UnsubAck = 1 << PacketType.UnsubAck,
    Disconnect = 1 << PacketType.Disconnect,
    Auth = 1 << PacketType.Auth,
    Acks = PubAck | PubRec | PubRel | PubComp,
    All = Will | Connect | ConnAck | Publish | Acks | Subscribe | SubAck | Unsubscribe | UnsubAck | Disconnect | Auth,
}

internal static class PacketSets
{
    public static PacketSet AsSet(this PacketType type) => (PacketSet)(1 << (int)type);
}
