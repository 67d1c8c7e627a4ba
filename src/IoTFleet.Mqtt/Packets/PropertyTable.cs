using static IoTFleet.Mqtt.Packets.PacketSet;
using static IoTFleet.Mqtt.Packets.PropertyType;

namespace IoTFleet.Mqtt.Packets;

/// <summary>The identifiers of MQTT 5.0, table 2-4.</summary>
internal enum PropertyId : byte
{
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ResponseInformation = 0x1A,
    ServerReference = 0x1C,
    ReasonString = 0x1F,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQos = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
    WildcardSubscriptionAvailable = 0x28,
    SubscriptionIdentifiersAvailable = 0x29,
    SharedSubscriptionAvailable = 0x2A,
}

/// <summary>How a property's value stands on the wire.</summary>
internal enum PropertyType
{
    OneByteInteger,
    TwoByteInteger,
    FourByteInteger,
    VariableInteger,
    Text,
    Topic,
    Binary,
    TextPair,
}

/// <summary>One row of the table: what a property is, where it may stand, and the range of a number.</summary>
internal sealed record PropertyRule(PropertyId Id, PropertyType Type, PacketSet AllowedIn, uint Least = 0, uint Most = uint.MaxValue)
{
    public string Name { get; } = Id.ToString();

    public string Range => $"{Name} must be {Least} to {Most}.";

    public bool Allows(uint number) => number >= Least && number <= Most;
}

/// <summary>MQTT 5.0, table 2-4, with the value ranges of chapter 3. Reading, writing and setting a property all ask here.</summary>
internal static class PropertyTable
{
    private static readonly PropertyRule?[] ById = IndexById(
    [
        new(PropertyId.PayloadFormatIndicator, OneByteInteger, Publish | Will, Most: 1),
        new(PropertyId.MessageExpiryInterval, FourByteInteger, Publish | Will),
        new(PropertyId.ContentType, Text, Publish | Will),
        new(PropertyId.ResponseTopic, Topic, Publish | Will),
        new(PropertyId.CorrelationData, Binary, Publish | Will),
        new(PropertyId.SubscriptionIdentifier, VariableInteger, Publish | Subscribe, Least: 1, Most: Wire.VariableInteger.Max),
        new(PropertyId.SessionExpiryInterval, FourByteInteger, Connect | ConnAck | Disconnect),
        new(PropertyId.AssignedClientIdentifier, Text, ConnAck),
        new(PropertyId.ServerKeepAlive, TwoByteInteger, ConnAck),
        new(PropertyId.AuthenticationMethod, Text, Connect | ConnAck | Auth),
        new(PropertyId.AuthenticationData, Binary, Connect | ConnAck | Auth),
        new(PropertyId.RequestProblemInformation, OneByteInteger, Connect, Most: 1),
        new(PropertyId.WillDelayInterval, FourByteInteger, Will),
        new(PropertyId.RequestResponseInformation, OneByteInteger, Connect, Most: 1),
        new(PropertyId.ResponseInformation, Text, ConnAck),
        new(PropertyId.ServerReference, Text, ConnAck | Disconnect),
        new(PropertyId.ReasonString, Text, ConnAck | Acks | SubAck | UnsubAck | Disconnect | Auth),
        new(PropertyId.ReceiveMaximum, TwoByteInteger, Connect | ConnAck, Least: 1),
        new(PropertyId.TopicAliasMaximum, TwoByteInteger, Connect | ConnAck),
        new(PropertyId.TopicAlias, TwoByteInteger, Publish, Least: 1),
        new(PropertyId.MaximumQos, OneByteInteger, ConnAck, Most: 1),
        new(PropertyId.RetainAvailable, OneByteInteger, ConnAck, Most: 1),
        new(PropertyId.UserProperty, TextPair, All),
        new(PropertyId.MaximumPacketSize, FourByteInteger, Connect | ConnAck, Least: 1),
        new(PropertyId.WildcardSubscriptionAvailable, OneByteInteger, ConnAck, Most: 1),
        new(PropertyId.SubscriptionIdentifiersAvailable, OneByteInteger, ConnAck, Most: 1),
        new(PropertyId.SharedSubscriptionAvailable, OneByteInteger, ConnAck, Most: 1),
    ]);

    public static PropertyRule Get(PropertyId id) => ById[(int)id]!;

    public static PropertyRule? Find(uint id) => id < ById.Length ? ById[id] : null;

    private static PropertyRule?[] IndexById(PropertyRule[] rules)
    {
        var table = new PropertyRule?[rules.Max(rule => (int)rule.Id) + 1];
        foreach (var rule in rules) table[(int)rule.Id] = rule;
        return table;
    }
}
