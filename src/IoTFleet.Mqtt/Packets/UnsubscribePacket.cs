using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>UNSUBSCRIBE (MQTT 5.0, 3.10): one or more subscriptions to give up.</summary>
public sealed class UnsubscribePacket : Packet
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.Unsubscribe;

    /// <summary>1 to 65,535; UNSUBACK carries the same.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>At least one, compared character by character with those subscribed [MQTT-3.10.4-1].</summary>
    public required IReadOnlyList<TopicFilter> Filters { get; init; }

    /// <summary>User Properties; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal override byte Flags => ReservedFlags; // [MQTT-3.10.1-1]

    internal static UnsubscribePacket Read(ref WireReader reader) => new() // initialisers run in this order, which is the wire's
    {
        PacketId = reader.ReadPacketId(),
        Properties = PropertyBlock.Read(ref reader, PacketSet.Unsubscribe),
        Filters = ReadFilters(ref reader),
    };

    internal override void Write(ref WireWriter writer)
    {
        if (Filters.Count == 0) throw new ArgumentException("UNSUBSCRIBE needs at least one filter."); // [MQTT-3.10.3-2]
        writer.WritePacketId(PacketId);
        Properties.Write(ref writer, PacketSet.Unsubscribe);
        foreach (var filter in Filters) writer.WriteText(filter.Value, "topic filter");
    }

    private static List<TopicFilter> ReadFilters(ref WireReader reader)
    {
        var filters = new List<TopicFilter>(1);
        while (!reader.AtEnd)
        {
            reader.RequireRoomForTopic(filters.Count);
            filters.Add(reader.ReadTopicFilter());
        }

        return filters.Count > 0 ? filters : throw new ProtocolViolation(ReasonCode.ProtocolError, "UNSUBSCRIBE without a filter"); // [MQTT-3.10.3-2]
    }
}
