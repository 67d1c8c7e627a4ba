using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Packets;

/// <summary>A name and a value that MQTT carries and does not interpret (MQTT 5.0, 2.2.2.2).</summary>
/// <param name="Name">May occur more than once.</param>
/// <param name="Value">May be empty.</param>
public readonly record struct UserProperty(string Name, string Value);

/// <summary>
/// The properties of one packet or will (MQTT 5.0, 2.2.2): immutable; null, or an empty list, means absent. Copies are made with <c>with</c>, two blocks are equal
/// when they hold the same properties in the same order. Setting a number out of its range throws <see cref="ArgumentOutOfRangeException"/>;
/// a property that may not stand in a packet makes writing that packet throw <see cref="ArgumentException"/>. 3.1.1 has no properties: they are not written.
/// </summary>
public sealed partial record PropertyBlock
{
    /// <summary>No properties at all.</summary>
    public static readonly PropertyBlock None = new();

    /// <summary>1: the payload is UTF-8 text, 0: bytes (3.3.2.3.2). PUBLISH and will.</summary>
    public byte? PayloadFormatIndicator { get => (byte?)Number(PropertyId.PayloadFormatIndicator); init => Set(PropertyId.PayloadFormatIndicator, value); }

    /// <summary>Seconds until the message is worthless (3.3.2.3.3). PUBLISH and will.</summary>
    public uint? MessageExpiryInterval { get => Number(PropertyId.MessageExpiryInterval); init => Set(PropertyId.MessageExpiryInterval, value); }

    /// <summary>What the payload is, for the application (3.3.2.3.9). PUBLISH and will.</summary>
    public string? ContentType { get => Text(PropertyId.ContentType); init => Set(PropertyId.ContentType, value); }

    /// <summary>Where an answer is expected (3.3.2.3.5). PUBLISH and will.</summary>
    public TopicName? ResponseTopic { get => (TopicName?)Find(PropertyId.ResponseTopic)?.Reference; init => Set(PropertyId.ResponseTopic, value); }

    /// <summary>What links an answer to its request, at most 65,535 bytes (3.3.2.3.6). PUBLISH and will.</summary>
    public ReadOnlyMemory<byte>? CorrelationData { get => Bytes(PropertyId.CorrelationData); init => Set(PropertyId.CorrelationData, value); }

    /// <summary>The subscriptions that a message was sent for (3.3.2.3.8), or the one given to a SUBSCRIBE (3.8.2.1.2); each 1 to 268,435,455.</summary>
    public IReadOnlyList<uint> SubscriptionIdentifiers
    {
        get => (IReadOnlyList<uint>?)Find(PropertyId.SubscriptionIdentifier)?.Reference ?? [];
        init => Set(PropertyId.SubscriptionIdentifier, InRange(value));
    }

    /// <summary>Seconds that the session outlives its connection; 0xFFFFFFFF is for ever (3.1.2.11.2). CONNECT, CONNACK, DISCONNECT.</summary>
    public uint? SessionExpiryInterval { get => Number(PropertyId.SessionExpiryInterval); init => Set(PropertyId.SessionExpiryInterval, value); }

    /// <summary>The client identifier that the server chose (3.2.2.3.7). CONNACK.</summary>
    public string? AssignedClientIdentifier { get => Text(PropertyId.AssignedClientIdentifier); init => Set(PropertyId.AssignedClientIdentifier, value); }

    /// <summary>Seconds of keep alive to use instead of those asked for (3.2.2.3.14). CONNACK.</summary>
    public ushort? ServerKeepAlive { get => (ushort?)Number(PropertyId.ServerKeepAlive); init => Set(PropertyId.ServerKeepAlive, value); }

    /// <summary>The method of enhanced authentication (3.1.2.11.9). CONNECT, CONNACK, AUTH.</summary>
    public string? AuthenticationMethod { get => Text(PropertyId.AuthenticationMethod); init => Set(PropertyId.AuthenticationMethod, value); }

    /// <summary>What that method exchanges, at most 65,535 bytes; only with a method (3.1.2.11.10). CONNECT, CONNACK, AUTH.</summary>
    public ReadOnlyMemory<byte>? AuthenticationData { get => Bytes(PropertyId.AuthenticationData); init => Set(PropertyId.AuthenticationData, value); }

    /// <summary>False: the client wants no Reason String or User Properties outside PUBLISH, CONNACK and DISCONNECT (3.1.2.11.7). CONNECT.</summary>
    public bool? RequestProblemInformation { get => Flag(PropertyId.RequestProblemInformation); init => Set(PropertyId.RequestProblemInformation, value); }

    /// <summary>Seconds to wait before the will is published (3.1.3.2.2). Will.</summary>
    public uint? WillDelayInterval { get => Number(PropertyId.WillDelayInterval); init => Set(PropertyId.WillDelayInterval, value); }

    /// <summary>True: the client asks for Response Information (3.1.2.11.6). CONNECT.</summary>
    public bool? RequestResponseInformation { get => Flag(PropertyId.RequestResponseInformation); init => Set(PropertyId.RequestResponseInformation, value); }

    /// <summary>What to build response topics from (3.2.2.3.15). CONNACK.</summary>
    public string? ResponseInformation { get => Text(PropertyId.ResponseInformation); init => Set(PropertyId.ResponseInformation, value); }

    /// <summary>Another server to use (3.2.2.3.16). CONNACK, DISCONNECT.</summary>
    public string? ServerReference { get => Text(PropertyId.ServerReference); init => Set(PropertyId.ServerReference, value); }

    /// <summary>The reason in words, for people (3.2.2.3.9). All answers, DISCONNECT and AUTH.</summary>
    public string? ReasonString { get => Text(PropertyId.ReasonString); init => Set(PropertyId.ReasonString, value); }

    /// <summary>How many QoS 1 and 2 messages the sender of this takes unacknowledged, 1 to 65,535; absent means 65,535 (3.1.2.11.3). CONNECT, CONNACK.</summary>
    public ushort? ReceiveMaximum { get => (ushort?)Number(PropertyId.ReceiveMaximum); init => Set(PropertyId.ReceiveMaximum, value); }

    /// <summary>The highest topic alias that the sender of this takes; absent means 0, none (3.1.2.11.5). CONNECT, CONNACK.</summary>
    public ushort? TopicAliasMaximum { get => (ushort?)Number(PropertyId.TopicAliasMaximum); init => Set(PropertyId.TopicAliasMaximum, value); }

    /// <summary>A number for the topic on this connection, 1 to 65,535 (3.3.2.3.4). PUBLISH.</summary>
    public ushort? TopicAlias { get => (ushort?)Number(PropertyId.TopicAlias); init => Set(PropertyId.TopicAlias, value); }

    /// <summary>The highest QoS the server takes, 0 or 1; absent means 2 (3.2.2.3.4). CONNACK.</summary>
    public QualityOfService? MaximumQos { get => (QualityOfService?)Number(PropertyId.MaximumQos); init => Set(PropertyId.MaximumQos, (uint?)value); }

    /// <summary>Whether the server keeps retained messages; absent means yes (3.2.2.3.5). CONNACK.</summary>
    public bool? RetainAvailable { get => Flag(PropertyId.RetainAvailable); init => Set(PropertyId.RetainAvailable, value); }

    /// <summary>Names and values in their order. All packets but PINGREQ and PINGRESP.</summary>
    public IReadOnlyList<UserProperty> UserProperties
    {
        get => (IReadOnlyList<UserProperty>?)Find(PropertyId.UserProperty)?.Reference ?? [];
        init => Set(PropertyId.UserProperty, value.Count > 0 ? value : null);
    }

    /// <summary>Bytes of the largest packet that the sender of this takes, from 1; absent means no limit (3.1.2.11.4). CONNECT, CONNACK.</summary>
    public uint? MaximumPacketSize { get => Number(PropertyId.MaximumPacketSize); init => Set(PropertyId.MaximumPacketSize, value); }

    /// <summary>Whether the server takes wildcards in filters; absent means yes (3.2.2.3.11). CONNACK.</summary>
    public bool? WildcardSubscriptionAvailable { get => Flag(PropertyId.WildcardSubscriptionAvailable); init => Set(PropertyId.WildcardSubscriptionAvailable, value); }

    /// <summary>Whether the server takes subscription identifiers; absent means yes (3.2.2.3.12). CONNACK.</summary>
    public bool? SubscriptionIdentifiersAvailable { get => Flag(PropertyId.SubscriptionIdentifiersAvailable); init => Set(PropertyId.SubscriptionIdentifiersAvailable, value); }

    /// <summary>Whether the server takes shared subscriptions; absent means yes (3.2.2.3.13). CONNACK.</summary>
    public bool? SharedSubscriptionAvailable { get => Flag(PropertyId.SharedSubscriptionAvailable); init => Set(PropertyId.SharedSubscriptionAvailable, value); }
}
