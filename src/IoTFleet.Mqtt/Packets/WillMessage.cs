using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>What the server publishes for a client that goes without a word (MQTT 5.0, 3.1.2.5).</summary>
public sealed class WillMessage
{
    /// <summary>Where it goes.</summary>
    public required TopicName Topic { get; init; }

    /// <summary>The message, at most 65,535 bytes (3.1.3.4). When read, an array of its own.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>The QoS it is published with.</summary>
    public QualityOfService Qos { get; init; }

    /// <summary>It is published as a retained message.</summary>
    public bool Retain { get; init; }

    /// <summary>Will Delay Interval and what goes with the message (3.1.3.2); 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal static WillMessage Read(ref WireReader reader, QualityOfService qos, bool retain) => new()
    {
        Properties = PropertyBlock.Read(ref reader, PacketSet.Will), // initialisers run in this order, which is the wire's
        Topic = reader.ReadTopicName("will topic"),
        Payload = reader.ReadBinary("will payload").ToArray(),
        Qos = qos,
        Retain = retain,
    };

    internal void Write(ref WireWriter writer)
    {
        Properties.Write(ref writer, PacketSet.Will);
        writer.WriteTopicName(Topic);
        writer.WriteBinary(Payload.Span, "will payload");
    }
}
