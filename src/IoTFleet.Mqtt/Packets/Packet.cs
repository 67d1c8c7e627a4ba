using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>The control packet types and their numbers on the wire (MQTT 5.0, 2.1.2).</summary>
public enum PacketType : byte
{
    /// <summary>Client to server: opens the session (3.1).</summary>
    Connect = 1,

    /// <summary>Server to client: answers CONNECT (3.2).</summary>
    ConnAck = 2,

    /// <summary>Either way: a message (3.3).</summary>
    Publish = 3,

    /// <summary>Either way: answers a QoS 1 message (3.4).</summary>
    PubAck = 4,

    /// <summary>Either way: first answer to a QoS 2 message (3.5).</summary>
    PubRec = 5,

    /// <summary>Either way: releases a QoS 2 message (3.6).</summary>
    PubRel = 6,

    /// <summary>Either way: ends a QoS 2 delivery (3.7).</summary>
    PubComp = 7,

    /// <summary>Client to server: subscribes to filters (3.8).</summary>
    Subscribe = 8,

    /// <summary>Server to client: answers SUBSCRIBE (3.9).</summary>
    SubAck = 9,

    /// <summary>Client to server: gives up filters (3.10).</summary>
    Unsubscribe = 10,

    /// <summary>Server to client: answers UNSUBSCRIBE (3.11).</summary>
    UnsubAck = 11,

    /// <summary>Client to server: still there? (3.12)</summary>
    PingReq = 12,

    /// <summary>Server to client: still here (3.13).</summary>
    PingResp = 13,

    /// <summary>Client to server, in 5.0 either way: leaves in order (3.14).</summary>
    Disconnect = 14,

    /// <summary>Either way, 5.0 only: enhanced authentication (3.15).</summary>
    Auth = 15,
}

/// <summary>
/// One MQTT control packet: immutable, owns its bytes, the same type for client and server and for both versions. What a version cannot say is not
/// written and has its default when read.
/// </summary>
public abstract class Packet
{
    /// <summary>PUBREL, SUBSCRIBE and UNSUBSCRIBE carry this where others have 0 (MQTT 5.0, 2.1.3).</summary>
    internal const byte ReservedFlags = 0b0010;

    private protected Packet()
    {
    }

    /// <summary>Which control packet this is.</summary>
    public abstract PacketType Type { get; }

    /// <summary>The low four bits of the first byte.</summary>
    internal virtual byte Flags => 0;

    /// <summary>Writes everything after the fixed header.</summary>
    internal abstract void Write(ref WireWriter writer);
}
