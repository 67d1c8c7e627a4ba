using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>PINGREQ (MQTT 5.0, 3.12): has no content.</summary>
public sealed class PingReqPacket : Packet
{
    /// <summary>The only one needed.</summary>
    public static readonly PingReqPacket Instance = new();

    private PingReqPacket()
    {
    }

    /// <inheritdoc/>
    public override PacketType Type => PacketType.PingReq;

    internal override void Write(ref WireWriter writer)
    {
    }
}

/// <summary>PINGRESP (MQTT 5.0, 3.13): has no content.</summary>
public sealed class PingRespPacket : Packet
{
    /// <summary>The only one needed.</summary>
    public static readonly PingRespPacket Instance = new();

    private PingRespPacket()
    {
    }

    /// <inheritdoc/>
    public override PacketType Type => PacketType.PingResp;

    internal override void Write(ref WireWriter writer)
    {
    }
}
