using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Packets;

/// <summary>Which retained messages a new subscription gets (MQTT 5.0, 3.8.3.1). In 3.1.1 always <see cref="Send"/>.</summary>
public enum RetainHandling : byte
{
    /// <summary>All that match, at each SUBSCRIBE.</summary>
    Send = 0,

    /// <summary>All that match, if the subscription did not exist yet.</summary>
    SendIfNew = 1,

    /// <summary>None.</summary>
    DoNotSend = 2,
}

/// <summary>One entry of SUBSCRIBE (MQTT 5.0, 3.8.3). Only the first two go on the wire in 3.1.1.</summary>
/// <param name="Filter">Which topics.</param>
/// <param name="MaximumQos">The highest QoS to deliver with.</param>
/// <param name="NoLocal">Do not deliver what this client published itself; never with a shared subscription [MQTT-3.8.3-4].</param>
/// <param name="RetainAsPublished">Deliver with the retain flag as published, not cleared.</param>
/// <param name="RetainHandling">Which retained messages to send.</param>
public readonly record struct SubscriptionRequest(
    TopicFilter Filter,
    QualityOfService MaximumQos,
    bool NoLocal = false,
    bool RetainAsPublished = false,
    RetainHandling RetainHandling = RetainHandling.Send)
{
    private const int NoLocalBit = 0x04;
    private const int RetainAsPublishedBit = 0x08;
    private const int RetainHandlingShift = 4;

    internal static SubscriptionRequest Read(ref WireReader reader)
    {
        var filter = reader.ReadTopicFilter();
        var options = reader.ReadByte("subscription options");
        var reserved = reader.Version == ProtocolVersion.V311 ? 0b1111_1100 : 0b1100_0000;
        if ((options & reserved) != 0) // [MQTT-3.8.3-5], 3.1.1 [MQTT-3.8.3-4]
            throw new ProtocolViolation(ReasonCode.MalformedPacket, $"subscription options {options:X2} have reserved bits");
        var request = new SubscriptionRequest(
            filter,
            (QualityOfService)(options & 0b11),
            (options & NoLocalBit) != 0,
            (options & RetainAsPublishedBit) != 0,
            (RetainHandling)(options >> RetainHandlingShift));
        return request.Problem() is { } problem ? throw new ProtocolViolation(ReasonCode.ProtocolError, problem) : request;
    }

    internal void Write(ref WireWriter writer)
    {
        if (Problem() is { } problem) throw new ArgumentException(problem);
        writer.WriteText(Filter.Value, "topic filter");
        var options = (int)MaximumQos;
        if (writer.Version == ProtocolVersion.V5)
            options |= (NoLocal ? NoLocalBit : 0) | (RetainAsPublished ? RetainAsPublishedBit : 0) | (int)RetainHandling << RetainHandlingShift;
        writer.WriteByte((byte)options);
    }

    private string? Problem()
    {
        if (MaximumQos > QualityOfService.ExactlyOnce) return "subscription with QoS 3"; // 3.8.3.1
        if (RetainHandling > RetainHandling.DoNotSend) return "subscription with retain handling 3"; // 3.8.3.1
        return NoLocal && Filter.ShareName is not null ? "No Local on a shared subscription" : null; // [MQTT-3.8.3-4]
    }
}

/// <summary>SUBSCRIBE (MQTT 5.0, 3.8): one or more subscriptions to make.</summary>
public sealed class SubscribePacket : Packet
{
    /// <inheritdoc/>
    public override PacketType Type => PacketType.Subscribe;

    /// <summary>1 to 65,535; SUBACK carries the same.</summary>
    public required ushort PacketId { get; init; }

    /// <summary>At least one, in the order in which SUBACK answers them.</summary>
    public required IReadOnlyList<SubscriptionRequest> Subscriptions { get; init; }

    /// <summary>Subscription Identifier (one at most) and User Properties; 5.0 only.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    internal override byte Flags => ReservedFlags; // [MQTT-3.8.1-1]

    internal static SubscribePacket Read(ref WireReader reader) => new() // initialisers run in this order, which is the wire's
    {
        PacketId = reader.ReadPacketId(),
        Properties = PropertyBlock.Read(ref reader, PacketSet.Subscribe),
        Subscriptions = ReadSubscriptions(ref reader),
    };

    internal override void Write(ref WireWriter writer)
    {
        if (Subscriptions.Count == 0) throw new ArgumentException("SUBSCRIBE needs at least one subscription."); // [MQTT-3.8.3-2]
        writer.WritePacketId(PacketId);
        Properties.Write(ref writer, PacketSet.Subscribe);
        foreach (var subscription in Subscriptions) subscription.Write(ref writer);
    }

    private static List<SubscriptionRequest> ReadSubscriptions(ref WireReader reader)
    {
        var subscriptions = new List<SubscriptionRequest>(1);
        while (!reader.AtEnd)
        {
            reader.RequireRoomForTopic(subscriptions.Count);
            subscriptions.Add(SubscriptionRequest.Read(ref reader));
        }

        return subscriptions.Count > 0
            ? subscriptions
            : throw new ProtocolViolation(ReasonCode.ProtocolError, "SUBSCRIBE without a subscription"); // [MQTT-3.8.3-2]
    }
}
