using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Routing;

/// <summary>A published message: built once, immutable, shared by the sink and all receivers.</summary>
public sealed record Message
{
    private const int Overhead = 100;

    public required TopicName Topic { get; init; }

    public required ReadOnlyMemory<byte> Payload { get; init; }

    public QualityOfService Qos { get; init; }

    public bool Retain { get; init; }

    /// <summary>MQTT 5 properties that travel with the message; none of the connection's own, such as a topic alias.</summary>
    public PropertyBlock Properties { get; init; } = PropertyBlock.None;

    /// <summary>Null when the server itself is the publisher.</summary>
    public string? Publisher { get; init; }

    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>What it takes in memory and in the store, for limits; about.</summary>
    internal int Size => Overhead + Topic.Utf8.Length + Payload.Length + SizeOf(Properties);

    /// <summary>When its Message Expiry Interval is over; never without one.</summary>
    internal DateTimeOffset ExpiresAt => Properties.MessageExpiryInterval is { } seconds ? ReceivedAt.AddSeconds(seconds) : DateTimeOffset.MaxValue;

    /// <summary>True when its Message Expiry Interval has passed [MQTT-3.3.2-5].</summary>
    public bool IsExpired(DateTimeOffset now) => Properties.MessageExpiryInterval is { } seconds && now >= ReceivedAt.AddSeconds(seconds);

    internal static Message From(PublishPacket publish, TopicName topic, string publisher, DateTimeOffset receivedAt) => new()
    {
        Topic = topic,
        Payload = publish.Payload,
        Qos = publish.Qos,
        Retain = publish.Retain,
        Properties = Travelling(publish.Properties),
        Publisher = publisher,
        ReceivedAt = receivedAt,
    };

    internal static Message FromWill(WillMessage will, string publisher, DateTimeOffset receivedAt) => new()
    {
        Topic = will.Topic,
        Payload = will.Payload,
        Qos = will.Qos,
        Retain = will.Retain,
        Properties = Travelling(will.Properties),
        Publisher = publisher,
        ReceivedAt = receivedAt,
    };

    /// <summary>The packet for one receiver; its lifetime is what is left of the message's [MQTT-3.3.2-6].</summary>
    internal PublishPacket ToPacket(Delivery delivery, ushort packetId, bool duplicate, DateTimeOffset now) => new()
    {
        Topic = Topic,
        Payload = Payload,
        Qos = delivery.Qos,
        Retain = delivery.Retain,
        Duplicate = duplicate,
        PacketId = packetId,
        Properties = PropertiesFor(delivery, now),
    };

    private static int SizeOf(PropertyBlock properties)
    {
        if (properties.IsEmpty) return 0;
        var size = (properties.ContentType?.Length ?? 0) + (properties.ResponseTopic?.Utf8.Length ?? 0) + (properties.CorrelationData?.Length ?? 0);
        foreach (var property in properties.UserProperties) size += property.Name.Length + property.Value.Length;
        return size;
    }

    private PropertyBlock PropertiesFor(Delivery delivery, DateTimeOffset now)
    {
        if (Properties.MessageExpiryInterval is null && delivery.SubscriptionIdentifiers.Count == 0) return Properties;
        return Properties with { MessageExpiryInterval = RemainingLifetime(now), SubscriptionIdentifiers = delivery.SubscriptionIdentifiers };
    }

    private uint? RemainingLifetime(DateTimeOffset now) => Properties.MessageExpiryInterval is { } seconds
        ? (uint)Math.Max(1, seconds - (now - ReceivedAt).TotalSeconds)
        : null;

    private static PropertyBlock Travelling(PropertyBlock properties) => ReferenceEquals(properties, PropertyBlock.None) ? properties : new()
    {
        PayloadFormatIndicator = properties.PayloadFormatIndicator,
        MessageExpiryInterval = properties.MessageExpiryInterval,
        ContentType = properties.ContentType,
        ResponseTopic = properties.ResponseTopic,
        CorrelationData = properties.CorrelationData,
        UserProperties = properties.UserProperties,
    };
}

/// <summary>How one receiver gets a message: at which QoS, with which retain flag, for which of its subscriptions.</summary>
public readonly record struct Delivery(QualityOfService Qos, bool Retain, IReadOnlyList<uint> SubscriptionIdentifiers)
{
    /// <summary>The shared subscription it came by, with group: if its receiver is lost, another member gets it. Null for an ordinary subscription.</summary>
    public TopicFilter? Shared { get; init; }

    internal static Delivery To(Subscription subscription, Message message, IReadOnlyList<uint> identifiers) => new(
        Lower(message.Qos, subscription.Request.MaximumQos),                                // [MQTT-3.8.4-8] [MQTT-4.8.2-3]
        Retain: subscription.Request.RetainAsPublished && message.Retain,                   // [MQTT-3.3.1-12, -13]
        identifiers);

    internal static Delivery OfRetained(Subscription subscription, Message message) => new(
        Lower(message.Qos, subscription.Request.MaximumQos),
        Retain: true,                                                                       // [MQTT-3.3.1-8]
        subscription.Identifiers);

    private static QualityOfService Lower(QualityOfService one, QualityOfService other) => one < other ? one : other;
}
