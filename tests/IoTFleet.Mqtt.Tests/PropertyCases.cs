using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Mqtt.Tests;

/// <summary>A property of MQTT 5.0, table 2-4: a sample of it on the wire, the same in words, and where the standard lets it stand.</summary>
internal sealed record PropertyCase(string Notation, string Words, params string[] StandsIn)
{
    public override string ToString() => Words;
}

/// <summary>Table 2-4 once more, written from the standard and not from the code.</summary>
internal static class PropertyCases
{
    private static readonly string[] Answers = ["CONNACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK"];

    /// <summary>Every place where properties can stand: a packet around them, with ? for the properties.</summary>
    public static readonly Dictionary<string, string> Places = new()
    {
        ["CONNECT"] = "10 ['MQTT' 05 00 0000 [?] 'a']",
        ["will"] = "10 ['MQTT' 05 04 0000 [] 'a' [?] 'w' '']",
        ["CONNACK"] = "20 [00 00 [?]]",
        ["PUBLISH"] = "30 ['a' [?]]",
        ["PUBACK"] = "40 [0001 00 [?]]",
        ["PUBREC"] = "50 [0001 00 [?]]",
        ["PUBREL"] = "62 [0001 00 [?]]",
        ["PUBCOMP"] = "70 [0001 00 [?]]",
        ["SUBSCRIBE"] = "82 [0001 [?] 'a' 00]",
        ["SUBACK"] = "90 [0001 [?] 00]",
        ["UNSUBSCRIBE"] = "A2 [0001 [?] 'a']",
        ["UNSUBACK"] = "B0 [0001 [?] 00]",
        ["DISCONNECT"] = "E0 [00 [?]]",
        ["AUTH"] = "F0 [00 [?]]",
    };

    public static readonly PropertyCase[] All =
    [
        new("01 00", "PayloadFormatIndicator=0", "PUBLISH", "will"),
        new("02 FFFFFFFF", "MessageExpiryInterval=4294967295", "PUBLISH", "will"),
        new("03 'text/plain'", "ContentType='text/plain'", "PUBLISH", "will"),
        new("08 'r/t'", "ResponseTopic=r/t", "PUBLISH", "will"),
        new("09 0003 0102FF", "CorrelationData=0x0102FF", "PUBLISH", "will"),
        new("0B FFFFFF7F", "SubscriptionIdentifiers=[268435455]", "PUBLISH", "SUBSCRIBE"),
        new("11 00000000", "SessionExpiryInterval=0", "CONNECT", "CONNACK", "DISCONNECT"),
        new("12 'c'", "AssignedClientIdentifier='c'", "CONNACK"),
        new("13 0000", "ServerKeepAlive=0", "CONNACK"),
        new("15 'm'", "AuthenticationMethod='m'", "CONNECT", "CONNACK", "AUTH"),
        new("15 'm' 16 0000", "AuthenticationMethod='m' AuthenticationData=empty", "CONNECT", "CONNACK", "AUTH"),
        new("17 00", "RequestProblemInformation=False", "CONNECT"),
        new("18 0000003C", "WillDelayInterval=60", "will"),
        new("19 01", "RequestResponseInformation=True", "CONNECT"),
        new("1A 'i'", "ResponseInformation='i'", "CONNACK"),
        new("1C 'other:8883'", "ServerReference='other:8883'", "CONNACK", "DISCONNECT"),
        new("1F ''", "ReasonString=''", [.. Answers, "DISCONNECT", "AUTH"]),
        new("21 0001", "ReceiveMaximum=1", "CONNECT", "CONNACK"),
        new("22 0000", "TopicAliasMaximum=0", "CONNECT", "CONNACK"),
        new("23 FFFF", "TopicAlias=65535", "PUBLISH"),
        new("24 00", "MaximumQos=AtMostOnce", "CONNACK"),
        new("25 00", "RetainAvailable=False", "CONNACK"),
        new("26 'n' 'v'", "UserProperties=[n:v]", [.. Places.Keys]),
        new("27 00000001", "MaximumPacketSize=1", "CONNECT", "CONNACK"),
        new("28 01", "WildcardSubscriptionAvailable=True", "CONNACK"),
        new("29 00", "SubscriptionIdentifiersAvailable=False", "CONNACK"),
        new("2A 01", "SharedSubscriptionAvailable=True", "CONNACK"),
    ];

    public static PropertyBlock BlockIn(Packet packet) => packet switch
    {
        ConnectPacket { Will: { } will } => will.Properties,
        ConnectPacket connect => connect.Properties,
        ConnAckPacket connAck => connAck.Properties,
        PublishPacket publish => publish.Properties,
        AckPacket ack => ack.Properties,
        SubscribePacket subscribe => subscribe.Properties,
        SubAckPacket subAck => subAck.Properties,
        UnsubscribePacket unsubscribe => unsubscribe.Properties,
        UnsubAckPacket unsubAck => unsubAck.Properties,
        DisconnectPacket disconnect => disconnect.Properties,
        AuthPacket auth => auth.Properties,
        _ => throw new ArgumentException($"{packet.Type} has no properties"),
    };
}
