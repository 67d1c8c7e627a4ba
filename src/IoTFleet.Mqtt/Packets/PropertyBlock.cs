using IoTFleet.Mqtt.Topics;
using Id = IoTFleet.Mqtt.Packets.PropertyId;

namespace IoTFleet.Mqtt.Packets;

/// <summary>A name and a value that MQTT carries and does not interpret (MQTT 5.0, 2.2.2.2).</summary>
/// <param name="Name">May occur more than once.</param>
/// <param name="Value">May be empty.</param>
public readonly record struct UserProperty(string Name, string Value);

/// <summary>
/// The properties of one packet or will (MQTT 5.0, 2.2.2): immutable; null, or an empty list, means absent. Copies are made with <c>with</c>, two
/// blocks are equal
/// when they hold the same properties in the same order. Setting a number out of its range throws <see cref="ArgumentOutOfRangeException"/>;
/// a property that may not stand in a packet makes writing that packet throw <see cref="ArgumentException"/>. 3.1.1 has no properties: they are not
/// written.
/// </summary>
public sealed partial record PropertyBlock
{
    /// <summary>No properties at all.</summary>
    public static readonly PropertyBlock None = new();

    /// <summary>1: the payload is UTF-8 text, 0: bytes (3.3.2.3.2). PUBLISH and will.</summary>
    public byte? PayloadFormatIndicator { get => (byte?)Number(Id.PayloadFormatIndicator); init => Set(Id.PayloadFormatIndicator, value); }

    /// <summary>Seconds until the message is worthless (3.3.2.3.3). PUBLISH and will.</summary>
    public uint? MessageExpiryInterval { get => Number(Id.MessageExpiryInterval); init => Set(Id.MessageExpiryInterval, value); }

    /// <summary>What the payload is, for the application (3.3.2.3.9). PUBLISH and will.</summary>
    public string? ContentType { get => Text(Id.ContentType); init => Set(Id.ContentType, value); }

    /// <summary>Where an answer is expected (3.3.2.3.5). PUBLISH and will.</summary>
    public TopicName? ResponseTopic { get => (TopicName?)Find(Id.ResponseTopic)?.Reference; init => Set(Id.ResponseTopic, value); }

    /// <summary>What links an answer to its request, at most 65,535 bytes (3.3.2.3.6). PUBLISH and will.</summary>
    public ReadOnlyMemory<byte>? CorrelationData { get => Bytes(Id.CorrelationData); init => Set(Id.CorrelationData, value); }

    /// <summary>
    /// The subscriptions that a message was sent for (3.3.2.3.8), or the one given to a SUBSCRIBE (3.8.2.1.2); each 1 to 268,435,455.
    /// </summary>
    public IReadOnlyList<uint> SubscriptionIdentifiers
    {
        get => (IReadOnlyList<uint>?)Find(Id.SubscriptionIdentifier)?.Reference ?? [];
        init => Set(Id.SubscriptionIdentifier, InRange(value));
    }

    /// <summary>Seconds that the session outlives its connection; 0xFFFFFFFF is for ever (3.1.2.11.2). CONNECT, CONNACK, DISCONNECT.</summary>
    public uint? SessionExpiryInterval { get => Number(Id.SessionExpiryInterval); init => Set(Id.SessionExpiryInterval, value); }

    /// <summary>The client identifier that the server chose (3.2.2.3.7). CONNACK.</summary>
    public string? AssignedClientIdentifier { get => Text(Id.AssignedClientIdentifier); init => Set(Id.AssignedClientIdentifier, value); }

    /// <summary>Seconds of keep alive to use instead of those asked for (3.2.2.3.14). CONNACK.</summary>
    public ushort? ServerKeepAlive { get => (ushort?)Number(Id.ServerKeepAlive); init => Set(Id.ServerKeepAlive, value); }

    /// <summary>The method of enhanced authentication (3.1.2.11.9). CONNECT, CONNACK, AUTH.</summary>
    public string? AuthenticationMethod { get => Text(Id.AuthenticationMethod); init => Set(Id.AuthenticationMethod, value); }

    /// <summary>What that method exchanges, at most 65,535 bytes; only with a method (3.1.2.11.10). CONNECT, CONNACK, AUTH.</summary>
    public ReadOnlyMemory<byte>? AuthenticationData { get => Bytes(Id.AuthenticationData); init => Set(Id.AuthenticationData, value); }

    /// <summary>False: the client wants no Reason String or User Properties outside PUBLISH, CONNACK and DISCONNECT (3.1.2.11.7). CONNECT.</summary>
    public bool? RequestProblemInformation { get => Flag(Id.RequestProblemInformation); init => Set(Id.RequestProblemInformation, value); }

    /// <summary>Seconds to wait before the will is published (3.1.3.2.2). Will.</summary>
    public uint? WillDelayInterval { get => Number(Id.WillDelayInterval); init => Set(Id.WillDelayInterval, value); }

    /// <summary>True: the client asks for Response Information (3.1.2.11.6). CONNECT.</summary>
    public bool? RequestResponseInformation { get => Flag(Id.RequestResponseInformation); init => Set(Id.RequestResponseInformation, value); }

    /// <summary>What to build response topics from (3.2.2.3.15). CONNACK.</summary>
    public string? ResponseInformation { get => Text(Id.ResponseInformation); init => Set(Id.ResponseInformation, value); }

    /// <summary>Another server to use (3.2.2.3.16). CONNACK, DISCONNECT.</summary>
    public string? ServerReference { get => Text(Id.ServerReference); init => Set(Id.ServerReference, value); }

    /// <summary>The reason in words, for people (3.2.2.3.9). All answers, DISCONNECT and AUTH.</summary>
    public string? ReasonString { get => Text(Id.ReasonString); init => Set(Id.ReasonString, value); }

    /// <summary>
    /// How many QoS 1 and 2 messages the sender of this takes unacknowledged, 1 to 65,535; absent means 65,535 (3.1.2.11.3). CONNECT, CONNACK.
    /// </summary>
    public ushort? ReceiveMaximum { get => (ushort?)Number(Id.ReceiveMaximum); init => Set(Id.ReceiveMaximum, value); }

    /// <summary>The highest topic alias that the sender of this takes; absent means 0, none (3.1.2.11.5). CONNECT, CONNACK.</summary>
    public ushort? TopicAliasMaximum { get => (ushort?)Number(Id.TopicAliasMaximum); init => Set(Id.TopicAliasMaximum, value); }

    /// <summary>A number for the topic on this connection, 1 to 65,535 (3.3.2.3.4). PUBLISH.</summary>
    public ushort? TopicAlias { get => (ushort?)Number(Id.TopicAlias); init => Set(Id.TopicAlias, value); }

    /// <summary>The highest QoS the server takes, 0 or 1; absent means 2 (3.2.2.3.4). CONNACK.</summary>
    public QualityOfService? MaximumQos { get => (QualityOfService?)Number(Id.MaximumQos); init => Set(Id.MaximumQos, (uint?)value); }

    /// <summary>Whether the server keeps retained messages; absent means yes (3.2.2.3.5). CONNACK.</summary>
    public bool? RetainAvailable { get => Flag(Id.RetainAvailable); init => Set(Id.RetainAvailable, value); }

    /// <summary>Names and values in their order. All packets but PINGREQ and PINGRESP.</summary>
    public IReadOnlyList<UserProperty> UserProperties
    {
        get => (IReadOnlyList<UserProperty>?)Find(Id.UserProperty)?.Reference ?? [];
        init => Set(Id.UserProperty, value.Count > 0 ? value : null);
    }

    /// <summary>Bytes of the largest packet that the sender of this takes, from 1; absent means no limit (3.1.2.11.4). CONNECT, CONNACK.</summary>
    public uint? MaximumPacketSize { get => Number(Id.MaximumPacketSize); init => Set(Id.MaximumPacketSize, value); }

    /// <summary>Whether the server takes wildcards in filters; absent means yes (3.2.2.3.11). CONNACK.</summary>
    public bool? WildcardSubscriptionAvailable
    {
        get => Flag(Id.WildcardSubscriptionAvailable);
        init => Set(Id.WildcardSubscriptionAvailable, value);
    }

    /// <summary>Whether the server takes subscription identifiers; absent means yes (3.2.2.3.12). CONNACK.</summary>
    public bool? SubscriptionIdentifiersAvailable
    {
        get => Flag(Id.SubscriptionIdentifiersAvailable);
        init => Set(Id.SubscriptionIdentifiersAvailable, value);
    }

    /// <summary>Whether the server takes shared subscriptions; absent means yes (3.2.2.3.13). CONNACK.</summary>
    public bool? SharedSubscriptionAvailable { get => Flag(Id.SharedSubscriptionAvailable); init => Set(Id.SharedSubscriptionAvailable, value); }
}
