using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Broker.Connections;

/// <summary>
/// Topic aliases on the way to one client (MQTT 5 3.3.2.3.4), for as long as its connection. First come, first served: a device hears of the same few
/// topics again and again, and a backend that hears of very many would only push them out of each other's way. Owned by the outbox's write loop.
/// </summary>
internal sealed class OutboundAliases(int maximum, uint? maximumPacketSize)
{
    private const int LengthOfAlias = 3;
    private readonly Dictionary<TopicName, ushort> _aliases = [];

    /// <summary>The same message with the topic's alias: in its place, or beside it when the client does not know it yet.</summary>
    public PublishPacket Shorten(PublishPacket publish)
    {
        if (publish.Topic is not { } topic || topic.Utf8.Length <= LengthOfAlias) return publish;
        if (_aliases.TryGetValue(topic, out var known)) return With(publish, known, topic: null);
        if (_aliases.Count >= maximum) return publish;
        var introduced = With(publish, (ushort)(_aliases.Count + 1), topic);
        if (PacketWriter.Measure(introduced, ProtocolVersion.V5) > maximumPacketSize) return publish;     // [MQTT-3.1.2-24]
        _aliases.Add(topic, (ushort)(_aliases.Count + 1));
        return introduced;
    }

    private static PublishPacket With(PublishPacket publish, ushort alias, TopicName? topic) => new()
    {
        Topic = topic,
        Payload = publish.Payload,
        Qos = publish.Qos,
        Retain = publish.Retain,
        Duplicate = publish.Duplicate,
        PacketId = publish.PacketId,
        Properties = publish.Properties with { TopicAlias = alias },
    };
}
