using IoTFleet.Mqtt;
using static IoTFleet.Mqtt.ProtocolVersion;

namespace IoTFleet.Testing;

/// <summary>A row: bytes in the notation of <see cref="Bytes"/>, and the packet they are in the words of the codec's tests.</summary>
/// <param name="Canonical">What we write for it, if that is not the same bytes.</param>
public sealed record GoodCase(string Name, ProtocolVersion Version, string Notation, string Packet, string? Canonical = null)
{
    public byte[] Content => Bytes.Of(Notation);

    public override string ToString() => $"{Version} {Name}";
}

/// <summary>A row: bytes that no reader may accept, and what the peer is told.</summary>
public sealed record BadCase(string Name, ProtocolVersion Version, string Notation, ReasonCode Reason)
{
    public override string ToString() => $"{Version} {Name}";
}

/// <summary>The packets that every reader must understand. Properties have a table of their own, in PropertyTests.</summary>
public static class PacketCases
{
    public static readonly GoodCase[] Good =
    [
        // As mosquitto's own clients and broker (2.0) put them on the wire.
        new("mosquitto_sub connects", V311, "10 12 00 04 4d 51 54 54 04 02 00 3c 00 06 70 75 6d 70 2d 37",
            "Connect(Version=V311 ClientId='pump-7' CleanStart=True KeepAlive=60)"),
        new("mosquitto_pub connects with a will", V311,
            "10 3a 00 04 4d 51 54 54 04 ee 00 3c 00 07 70 75 6d 70 2d 37 62 00 13 64 65 76 69 63 65 73 2f 70 75 6d 70 2d 37 2f 67 6f 6e 65"
            + " 00 04 6c 6f 73 74 00 02 6d 65 00 06 73 65 63 72 65 74",
            "Connect(Version=V311 ClientId='pump-7b' CleanStart=True KeepAlive=60"
            + " Will=(Topic=devices/pump-7/gone Payload='lost' Qos=AtLeastOnce Retain=True) UserName='me' Password='secret')"),
        new("mosquitto_pub connects with a will", V5,
            "10 44 00 04 4d 51 54 54 05 ee 00 3c 03 21 00 14 00 07 70 75 6d 70 2d 37 62 05 18 00 00 00 05 00 13 64 65 76 69 63 65 73 2f 70 75 6d 70"
            + " 2d 37 2f 67 6f 6e 65 00 04 6c 6f 73 74 00 02 6d 65 00 06 73 65 63 72 65 74",
            "Connect(Version=V5 ClientId='pump-7b' CleanStart=True KeepAlive=60"
            + " Will=(Topic=devices/pump-7/gone Payload='lost' Qos=AtLeastOnce Retain=True Properties=(WillDelayInterval=5))"
            + " UserName='me' Password='secret' Properties=(ReceiveMaximum=20))"),
        new("mosquitto accepts", V5, "20 09 00 00 06 22 00 0a 21 00 14", "ConnAck(Properties=(ReceiveMaximum=20 TopicAliasMaximum=10))"),
        new("mosquitto_sub subscribes", V311,
            "82 2d 00 01 00 19 64 65 76 69 63 65 73 2f 70 75 6d 70 2d 37 2f 63 6f 6d 6d 61 6e 64 73 2f 23 01 00 0c 24 73 68 61 72 65 2f 67 2f 61 2f 2b 01",
            "Subscribe(PacketId=1 Subscriptions=[Filter=devices/pump-7/commands/# MaximumQos=AtLeastOnce, Filter=$share/g/a/+ MaximumQos=AtLeastOnce])"),
        new("mosquitto_pub publishes", V5,
            "35 51 00 1e 64 65 76 69 63 65 73 2f 70 75 6d 70 2d 37 2f 63 6f 6d 6d 61 6e 64 73 2f 72 65 62 6f 6f 74 00 01 26 03 00 10 61 70 70 6c 69 63 61"
            + " 74 69 6f 6e 2f 6a 73 6f 6e 26 00 03 73 65 71 00 02 34 32 23 00 01 08 00 03 72 2f 74 7b 22 69 6e 22 3a 35 7d",
            "Publish(Topic=devices/pump-7/commands/reboot Payload='{\"in\":5}' Qos=ExactlyOnce Retain=True PacketId=1"
            + " Properties=(ContentType='application/json' ResponseTopic=r/t TopicAlias=1 UserProperties=[seq:42]))"),

        new("CONNECT with nothing", V311, "10 ['MQTT' 04 00 0000 '']", "Connect(Version=V311 ClientId='')"),
        new("CONNECT with nothing", V5, "10 ['MQTT' 05 00 0000 [] '']", "Connect(Version=V5 ClientId='')"),
        new("CONNECT with the longest keep alive", V5, "10 ['MQTT' 05 02 FFFF [] 'a']", "Connect(Version=V5 ClientId='a' CleanStart=True KeepAlive=65535)"),
        new("CONNECT with a user name", V311, "10 ['MQTT' 04 80 0000 'a' 'me']", "Connect(Version=V311 ClientId='a' UserName='me')"),
        new("CONNECT with a password only", V5, "10 ['MQTT' 05 40 0000 [] 'a' 'key']", "Connect(Version=V5 ClientId='a' Password='key')"),
        new("CONNECT with an empty will", V311, "10 ['MQTT' 04 04 0000 'a' 'w' '']", "Connect(Version=V311 ClientId='a' Will=(Topic=w))"),
        new("CONNECT with a QoS 2 will", V5, "10 ['MQTT' 05 14 0000 [] 'a' [] 'w' 0001 FF]",
            "Connect(Version=V5 ClientId='a' Will=(Topic=w Payload=0xFF Qos=ExactlyOnce))"),
        new("CONNECT with a byte order mark in its name", V5, "10 ['MQTT' 05 00 0000 [] 0004 EFBBBF 61]", "Connect(Version=V5 ClientId='\uFEFFa')"),
        new("CONNECT with a padded length", V311, "10 9080 8000 'MQTT' 04 02 003C 0004 70756D70",
            "Connect(Version=V311 ClientId='pump' CleanStart=True KeepAlive=60)", "10 ['MQTT' 04 02 003C 'pump']"),

        new("CONNACK", V311, "20 [00 00]", "ConnAck()"),
        new("CONNACK of a resumed session", V311, "20 [01 00]", "ConnAck(SessionPresent=True)"),
        new("CONNACK 1", V311, "20 [00 01]", "ConnAck(Reason=UnsupportedProtocolVersion)"),
        new("CONNACK 2", V311, "20 [00 02]", "ConnAck(Reason=ClientIdentifierNotValid)"),
        new("CONNACK 3", V311, "20 [00 03]", "ConnAck(Reason=ServerUnavailable)"),
        new("CONNACK 4", V311, "20 [00 04]", "ConnAck(Reason=BadUserNameOrPassword)"),
        new("CONNACK 5", V311, "20 [00 05]", "ConnAck(Reason=NotAuthorized)"),
        new("CONNACK", V5, "20 [00 00 []]", "ConnAck()"),
        new("CONNACK of a resumed session", V5, "20 [01 00 []]", "ConnAck(SessionPresent=True)"),
        new("CONNACK with a refusal in words", V5, "20 [00 87 [1F 'no']]", "ConnAck(Reason=NotAuthorized Properties=(ReasonString='no'))"),

        new("PUBLISH QoS 0", V311, "30 ['a/b' {hello}]", "Publish(Topic=a/b Payload='hello')"),
        new("PUBLISH QoS 0", V5, "30 ['a/b' [] {hello}]", "Publish(Topic=a/b Payload='hello')"),
        new("PUBLISH without payload", V311, "31 ['a']", "Publish(Topic=a Retain=True)"),
        new("PUBLISH without payload", V5, "31 ['a' []]", "Publish(Topic=a Retain=True)"),
        new("PUBLISH QoS 1", V311, "32 ['a' 000A {x}]", "Publish(Topic=a Payload='x' Qos=AtLeastOnce PacketId=10)"),
        new("PUBLISH QoS 1 again", V5, "3A ['a' FFFF [] {x}]", "Publish(Topic=a Payload='x' Qos=AtLeastOnce Duplicate=True PacketId=65535)"),
        new("PUBLISH QoS 2", V311, "34 ['a' 0001 {x}]", "Publish(Topic=a Payload='x' Qos=ExactlyOnce PacketId=1)"),
        new("PUBLISH QoS 2 with every flag", V5, "3D ['a' 0001 [] {x}]", "Publish(Topic=a Payload='x' Qos=ExactlyOnce Retain=True Duplicate=True PacketId=1)"),
        new("PUBLISH by alias", V5, "30 ['' [23 0005] {x}]", "Publish(Payload='x' Properties=(TopicAlias=5))"),
        new("PUBLISH that sets an alias", V5, "30 ['a' [23 0005]]", "Publish(Topic=a Properties=(TopicAlias=5))"),
        new("PUBLISH for three subscriptions", V5, "30 ['a' [0B 01 0B FFFFFF7F 0B 8001]]",
            "Publish(Topic=a Properties=(SubscriptionIdentifiers=[1, 268435455, 128]))"),
        new("PUBLISH with user properties in their order", V5, "30 ['a' [26 'b' '2' 26 'a' '' 26 'b' '1']]",
            "Publish(Topic=a Properties=(UserProperties=[b:2, a:, b:1]))"),
        new("PUBLISH with user properties apart", V5, "30 ['a' [26 'b' '2' 01 01 26 'b' '1']]",
            "Publish(Topic=a Properties=(PayloadFormatIndicator=1 UserProperties=[b:2, b:1]))", "30 ['a' [26 'b' '2' 26 'b' '1' 01 01]]"),
        new("PUBLISH in four bytes a character", V311, "30 ['🚀/ä']", "Publish(Topic=🚀/ä)"),
        new("PUBLISH with a payload of 127 bytes and more", V311, "30 ['a' {0123456789012345678901234567890123456789012345678901234567890123456789"
            + "0123456789012345678901234567890123456789012345678901234567890123456789}]",
            "Publish(Topic=a Payload='0123456789012345678901234567890123456789012345678901234567890123456789"
            + "0123456789012345678901234567890123456789012345678901234567890123456789')"),

        new("PUBACK", V311, "40 [000A]", "PubAck(PacketId=10)"),
        new("PUBACK", V5, "40 [000A]", "PubAck(PacketId=10)"),
        new("PUBACK with a reason", V5, "40 [000A 10]", "PubAck(PacketId=10 Reason=NoMatchingSubscribers)"),
        new("PUBACK with a needless reason", V5, "40 [000A 00]", "PubAck(PacketId=10)", "40 [000A]"),
        new("PUBACK with a needless property length", V5, "40 [000A 87 []]", "PubAck(PacketId=10 Reason=NotAuthorized)", "40 [000A 87]"),
        new("PUBACK with properties", V5, "40 [000A 00 [1F 'ok' 26 'a' 'b']]", "PubAck(PacketId=10 Properties=(ReasonString='ok' UserProperties=[a:b]))"),
        new("PUBREC", V311, "50 [0001]", "PubRec(PacketId=1)"),
        new("PUBREC with a reason", V5, "50 [0001 97]", "PubRec(PacketId=1 Reason=QuotaExceeded)"),
        new("PUBREL", V311, "62 [0001]", "PubRel(PacketId=1)"),
        new("PUBREL with a reason", V5, "62 [0001 92]", "PubRel(PacketId=1 Reason=PacketIdentifierNotFound)"),
        new("PUBCOMP", V311, "70 [0001]", "PubComp(PacketId=1)"),
        new("PUBCOMP with properties", V5, "70 [0001 92 [1F 'x']]", "PubComp(PacketId=1 Reason=PacketIdentifierNotFound Properties=(ReasonString='x'))"),

        new("SUBSCRIBE", V311, "82 [0001 'a/+/#' 02]", "Subscribe(PacketId=1 Subscriptions=[Filter=a/+/# MaximumQos=ExactlyOnce])"),
        new("SUBSCRIBE with every option", V5, "82 [0001 [0B 07] 'a' 2D '$share/g/b' 18]",
            "Subscribe(PacketId=1 Subscriptions=[Filter=a MaximumQos=AtLeastOnce NoLocal=True RetainAsPublished=True RetainHandling=DoNotSend,"
            + " Filter=$share/g/b RetainAsPublished=True RetainHandling=SendIfNew] Properties=(SubscriptionIdentifiers=[7]))"),
        new("SUBACK", V311, "90 [0001 00 01 02 80]", "SubAck(PacketId=1 Reasons=[Success, GrantedQos1, GrantedQos2, UnspecifiedError])"),
        new("SUBACK", V5, "90 [0001 [] 02 9E]", "SubAck(PacketId=1 Reasons=[GrantedQos2, SharedSubscriptionsNotSupported])"),
        new("UNSUBSCRIBE", V311, "A2 [0001 'a' '#']", "Unsubscribe(PacketId=1 Filters=[a, #])"),
        new("UNSUBSCRIBE", V5, "A2 [0001 [26 'a' 'b'] 'a']", "Unsubscribe(PacketId=1 Filters=[a] Properties=(UserProperties=[a:b]))"),
        new("UNSUBACK", V311, "B0 [0001]", "UnsubAck(PacketId=1)"),
        new("UNSUBACK", V5, "B0 [0001 [] 00 11]", "UnsubAck(PacketId=1 Reasons=[Success, NoSubscriptionExisted])"),

        new("PINGREQ", V311, "C000", "PingReq()"),
        new("PINGREQ", V5, "C000", "PingReq()"),
        new("PINGRESP", V311, "D000", "PingResp()"),
        new("PINGRESP", V5, "D000", "PingResp()"),
        new("DISCONNECT", V311, "E000", "Disconnect()"),
        new("DISCONNECT", V5, "E000", "Disconnect()"),
        new("DISCONNECT with a reason", V5, "E0 [8B]", "Disconnect(Reason=ServerShuttingDown)"),
        new("DISCONNECT with a needless reason", V5, "E0 [00 []]", "Disconnect()", "E000"),
        new("DISCONNECT with properties", V5, "E0 [04 [11 0000003C]]", "Disconnect(Reason=DisconnectWithWill Properties=(SessionExpiryInterval=60))"),
        new("AUTH", V5, "F000", "Auth()"),
        new("AUTH goes on", V5, "F0 [18 [15 'SCRAM' 16 0002 0001]]",
            "Auth(Reason=ContinueAuthentication Properties=(AuthenticationMethod='SCRAM' AuthenticationData=0x0001))"),
    ];

    public static readonly BadCase[] Bad =
    [
        new("packet type 0", V311, "0000", ReasonCode.MalformedPacket),
        new("packet type 15", V311, "F000", ReasonCode.MalformedPacket),
        new("CONNECT with flags", V5, "11 ['MQTT' 05 00 0000 [] '']", ReasonCode.MalformedPacket),
        new("PUBACK with flags", V311, "42 [0001]", ReasonCode.MalformedPacket),
        new("PUBREL without its flags", V311, "60 [0001]", ReasonCode.MalformedPacket),
        new("SUBSCRIBE without its flags", V5, "80 [0001 [] 'a' 00]", ReasonCode.MalformedPacket),
        new("UNSUBSCRIBE with wrong flags", V5, "A3 [0001 [] 'a']", ReasonCode.MalformedPacket),
        new("PINGREQ with content", V311, "C0 [00]", ReasonCode.MalformedPacket),
        new("remaining length of five bytes", V311, "30 8080808001", ReasonCode.MalformedPacket),
        new("remaining length not in its shortest form", V5, "C0 8000", ReasonCode.MalformedPacket),

        new("CONNECT of MQTT 3.1", V311, "10 ['MQIsdp' 03 02 003C 'a']", ReasonCode.UnsupportedProtocolVersion),
        new("CONNECT of another protocol", V311, "10 ['mqtt' 04 02 003C 'a']", ReasonCode.UnsupportedProtocolVersion),
        new("CONNECT of version 3", V311, "10 ['MQTT' 03 02 003C 'a']", ReasonCode.UnsupportedProtocolVersion),
        new("CONNECT of version 6", V5, "10 ['MQTT' 06 02 003C [] 'a']", ReasonCode.UnsupportedProtocolVersion),
        new("CONNECT of a bridge", V311, "10 ['MQTT' 84 02 003C 'a']", ReasonCode.UnsupportedProtocolVersion),
        new("CONNECT with its reserved flag", V311, "10 ['MQTT' 04 01 0000 '']", ReasonCode.MalformedPacket),
        new("CONNECT with its reserved flag", V5, "10 ['MQTT' 05 03 0000 [] '']", ReasonCode.MalformedPacket),
        new("CONNECT with will QoS 3", V311, "10 ['MQTT' 04 1C 0000 'a' 'w' '']", ReasonCode.MalformedPacket),
        new("CONNECT with will QoS but no will", V5, "10 ['MQTT' 05 08 0000 [] 'a']", ReasonCode.MalformedPacket),
        new("CONNECT with will retain but no will", V311, "10 ['MQTT' 04 20 0000 'a']", ReasonCode.MalformedPacket),
        new("CONNECT with a password only", V311, "10 ['MQTT' 04 40 0000 'a' 'key']", ReasonCode.MalformedPacket),
        new("CONNECT with a wildcard in its will", V311, "10 ['MQTT' 04 04 0000 'a' 'w/#' '']", ReasonCode.TopicNameInvalid),
        new("CONNECT with an empty will topic", V5, "10 ['MQTT' 05 04 0000 [] 'a' [] '' '']", ReasonCode.TopicNameInvalid),
        new("CONNECT without its user name", V311, "10 ['MQTT' 04 80 0000 'a']", ReasonCode.MalformedPacket),
        new("CONNECT with more than it says", V311, "10 ['MQTT' 04 00 0000 'a' 'me']", ReasonCode.MalformedPacket),
        new("CONNECT with U+0000 in its name", V311, "10 ['MQTT' 04 00 0000 0003 610062]", ReasonCode.MalformedPacket),
        new("CONNECT with a surrogate in its name", V5, "10 ['MQTT' 05 00 0000 [] 0003 EDA080]", ReasonCode.MalformedPacket),
        new("CONNECT with an overlong character", V311, "10 ['MQTT' 04 00 0000 0002 C0AF]", ReasonCode.MalformedPacket),
        new("CONNECT with half a character", V311, "10 ['MQTT' 04 00 0000 0001 C3]", ReasonCode.MalformedPacket),
        new("CONNECT with a character above U+10FFFF", V311, "10 ['MQTT' 04 00 0000 0004 F4908080]", ReasonCode.MalformedPacket),

        new("CONNACK with reserved flags", V311, "20 [02 00]", ReasonCode.MalformedPacket),
        new("CONNACK with return code 6", V311, "20 [00 06]", ReasonCode.MalformedPacket),
        new("CONNACK that refuses a session it has", V311, "20 [01 05]", ReasonCode.ProtocolError),
        new("CONNACK that refuses a session it has", V5, "20 [01 87 []]", ReasonCode.ProtocolError),
        new("CONNACK with a reason of SUBACK", V5, "20 [00 01 []]", ReasonCode.MalformedPacket),

        new("PUBLISH QoS 3", V311, "36 ['a' 0001]", ReasonCode.MalformedPacket),
        new("PUBLISH DUP with QoS 0", V5, "38 ['a' []]", ReasonCode.MalformedPacket),
        new("PUBLISH with packet identifier 0", V311, "32 ['a' 0000]", ReasonCode.MalformedPacket),
        new("PUBLISH with a #", V311, "30 ['a/#']", ReasonCode.TopicNameInvalid),
        new("PUBLISH with a +", V5, "30 ['a/+/b' []]", ReasonCode.TopicNameInvalid),
        new("PUBLISH with no topic", V311, "30 ['']", ReasonCode.ProtocolError),
        new("PUBLISH with neither topic nor alias", V5, "30 ['' []]", ReasonCode.ProtocolError),
        new("PUBLISH with U+0000 in its topic", V311, "30 [0003 610062]", ReasonCode.MalformedPacket),
        new("PUBLISH with properties that run out", V5, "30 ['a' 05 01 01]", ReasonCode.MalformedPacket),
        new("PUBLISH with a property cut by the length", V5, "30 ['a' 02 02 0000003C]", ReasonCode.MalformedPacket),
        new("PUBLISH with a property length of five bytes", V5, "30 ['a' 80808080 01]", ReasonCode.MalformedPacket),
        new("PUBLISH with a property length not in its shortest form", V5, "30 ['a' 8000]", ReasonCode.MalformedPacket),
        new("PUBLISH with an unknown property", V5, "30 ['a' [04 00]]", ReasonCode.MalformedPacket),
        new("PUBLISH with a property far above the table", V5, "30 ['a' [FF7F 00]]", ReasonCode.MalformedPacket),
        new("PUBLISH with a wildcard in its response topic", V5, "30 ['a' [08 'b/#']]", ReasonCode.TopicNameInvalid),

        new("PUBACK with packet identifier 0", V311, "40 [0000]", ReasonCode.MalformedPacket),
        new("PUBACK with a reason", V311, "40 [0001 00]", ReasonCode.MalformedPacket),
        new("PUBACK with a reason of CONNACK", V5, "40 [0001 84]", ReasonCode.MalformedPacket),
        new("PUBACK with an unknown reason", V5, "40 [0001 7F]", ReasonCode.MalformedPacket),
        new("PUBREL with a reason of PUBACK", V5, "62 [0001 10]", ReasonCode.MalformedPacket),

        new("SUBSCRIBE with nothing", V311, "82 [0001]", ReasonCode.ProtocolError),
        new("SUBSCRIBE with nothing", V5, "82 [0001 []]", ReasonCode.ProtocolError),
        new("SUBSCRIBE with packet identifier 0", V311, "82 [0000 'a' 00]", ReasonCode.MalformedPacket),
        new("SUBSCRIBE with QoS 3", V311, "82 [0001 'a' 03]", ReasonCode.ProtocolError),
        new("SUBSCRIBE with QoS 3", V5, "82 [0001 [] 'a' 03]", ReasonCode.ProtocolError),
        new("SUBSCRIBE with options of 5.0", V311, "82 [0001 'a' 04]", ReasonCode.MalformedPacket),
        new("SUBSCRIBE with reserved options", V5, "82 [0001 [] 'a' 40]", ReasonCode.MalformedPacket),
        new("SUBSCRIBE with retain handling 3", V5, "82 [0001 [] 'a' 30]", ReasonCode.ProtocolError),
        new("SUBSCRIBE with No Local on a shared subscription", V5, "82 [0001 [] '$share/g/a' 04]", ReasonCode.ProtocolError),
        new("SUBSCRIBE with no filter", V311, "82 [0001 '' 00]", ReasonCode.MalformedPacket),
        new("SUBSCRIBE with a # in the middle", V311, "82 [0001 'a/#/b' 00]", ReasonCode.MalformedPacket),
        new("SUBSCRIBE to a share without a filter", V5, "82 [0001 [] '$share/g/' 00]", ReasonCode.MalformedPacket),
        new("SUBSCRIBE without its options", V311, "82 [0001 'a']", ReasonCode.MalformedPacket),
        new("SUBSCRIBE with two subscription identifiers", V5, "82 [0001 [0B 01 0B 02] 'a' 00]", ReasonCode.ProtocolError),
        new("SUBACK with nothing", V311, "90 [0001]", ReasonCode.MalformedPacket),
        new("SUBACK with QoS 3", V311, "90 [0001 03]", ReasonCode.MalformedPacket),
        new("SUBACK with a reason of UNSUBACK", V5, "90 [0001 [] 11]", ReasonCode.MalformedPacket),
        new("UNSUBSCRIBE with nothing", V311, "A2 [0001]", ReasonCode.ProtocolError),
        new("UNSUBSCRIBE with a bad filter", V5, "A2 [0001 [] 'a+']", ReasonCode.MalformedPacket),
        new("UNSUBACK with reasons", V311, "B0 [0001 00]", ReasonCode.MalformedPacket),
        new("UNSUBACK with nothing", V5, "B0 [0001 []]", ReasonCode.MalformedPacket),

        new("DISCONNECT with a reason", V311, "E0 [00]", ReasonCode.MalformedPacket),
        new("DISCONNECT with a reason of CONNACK", V5, "E0 [84]", ReasonCode.MalformedPacket),
        new("DISCONNECT with more than it says", V5, "E0 [00 [] 00]", ReasonCode.MalformedPacket),
        new("AUTH with a failure", V5, "F0 [87 []]", ReasonCode.MalformedPacket),
        new("AUTH with a reason and no properties", V5, "F0 [18]", ReasonCode.MalformedPacket),
        new("AUTH with data but no method", V5, "F0 [18 [16 0001 00]]", ReasonCode.ProtocolError),
    ];

    public static GoodCase GoodNamed(string name) => Good.Single(row => row.ToString() == name);

    public static BadCase BadNamed(string name) => Bad.Single(row => row.ToString() == name);
}
