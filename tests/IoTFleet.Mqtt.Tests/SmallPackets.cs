using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Tests;

/// <summary>A small packet of each kind around a block of properties.</summary>
internal static class SmallPackets
{
    private static readonly TopicName Topic = TopicName.Parse("a");
    private static readonly TopicFilter Filter = TopicFilter.Parse("a");

    public static Packet With(PropertyBlock properties, string place) => place switch
    {
        "CONNECT" => Connect(properties, null),
        "will" => Connect(PropertyBlock.None, new WillMessage { Topic = Topic, Properties = properties }),
        "CONNACK" => new ConnAckPacket { Properties = properties },
        "PUBLISH" => new PublishPacket { Topic = Topic, Properties = properties },
        "PUBACK" => new PubAckPacket { PacketId = 1, Properties = properties },
        "PUBREC" => new PubRecPacket { PacketId = 1, Properties = properties },
        "PUBREL" => new PubRelPacket { PacketId = 1, Properties = properties },
        "PUBCOMP" => new PubCompPacket { PacketId = 1, Properties = properties },
        "SUBSCRIBE" => new SubscribePacket { PacketId = 1, Subscriptions = [new(Filter, 0)], Properties = properties },
        "SUBACK" => new SubAckPacket { PacketId = 1, Reasons = [ReasonCode.Success], Properties = properties },
        "UNSUBSCRIBE" => new UnsubscribePacket { PacketId = 1, Filters = [Filter], Properties = properties },
        "UNSUBACK" => new UnsubAckPacket { PacketId = 1, Reasons = [ReasonCode.Success], Properties = properties },
        "DISCONNECT" => new DisconnectPacket { Properties = properties },
        _ => new AuthPacket { Properties = properties },
    };

    private static ConnectPacket Connect(PropertyBlock properties, WillMessage? will) =>
        new() { Version = ProtocolVersion.V5, ClientId = "a", Will = will, Properties = properties };
}
