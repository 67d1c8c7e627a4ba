using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Tests;

/// <summary>Any packet that a version can express, from a seed: what it makes once, it makes again.</summary>
internal sealed class RandomPackets(int seed, ProtocolVersion version)
{
    private static readonly string[] Words = ["a", "pump-7", "", "ä", "🚀", "devices", "telemetry", "x y", "$SYS", "\uFEFF"];
    private readonly Random _random = new(seed);

    private bool V5 => version == ProtocolVersion.V5;

    public Packet Next(PacketType type) => type switch
    {
        PacketType.Connect => Connect(),
        PacketType.ConnAck => ConnAck(),
        PacketType.Publish => Publish(),
        PacketType.PubAck => new PubAckPacket { PacketId = Id(), Reason = Reason(type), Properties = Properties("PUBACK") },
        PacketType.PubRec => new PubRecPacket { PacketId = Id(), Reason = Reason(type), Properties = Properties("PUBREC") },
        PacketType.PubRel => new PubRelPacket { PacketId = Id(), Reason = Reason(type), Properties = Properties("PUBREL") },
        PacketType.PubComp => new PubCompPacket { PacketId = Id(), Reason = Reason(type), Properties = Properties("PUBCOMP") },
        PacketType.Subscribe => new SubscribePacket { PacketId = Id(), Subscriptions = Some(Subscription), Properties = Properties("SUBSCRIBE") },
        PacketType.SubAck => new SubAckPacket { PacketId = Id(), Reasons = Some(SubscriptionReason), Properties = Properties("SUBACK") },
        PacketType.Unsubscribe => new UnsubscribePacket { PacketId = Id(), Filters = Some(Filter), Properties = Properties("UNSUBSCRIBE") },
        PacketType.UnsubAck => UnsubAck(),
        PacketType.PingReq => PingReqPacket.Instance,
        PacketType.PingResp => PingRespPacket.Instance,
        PacketType.Disconnect => new DisconnectPacket { Reason = Reason(type), Properties = Properties("DISCONNECT") },
        _ => new AuthPacket { Reason = Reason(type), Properties = Properties("AUTH") },
    };

    private ConnectPacket Connect()
    {
        var userName = Chance() ? Text() : null;
        return new ConnectPacket
        {
            Version = version,
            ClientId = Text(),
            CleanStart = Chance(),
            KeepAlive = (ushort)_random.Next(0x10000),
            Will = Chance() ? Will() : null,
            UserName = userName,
            Password = (V5 || userName is not null) && Chance() ? (ReadOnlyMemory<byte>?)Binary(60) : null,
            Properties = Properties("CONNECT"),
        };
    }

    private WillMessage Will() =>
        new() { Topic = Topic(), Payload = Binary(300), Qos = Qos(), Retain = Chance(), Properties = Properties("will") };

    private UnsubAckPacket UnsubAck() =>
        new() { PacketId = Id(), Reasons = V5 ? Some(() => Reason(PacketType.UnsubAck)) : [], Properties = Properties("UNSUBACK") };

    private ConnAckPacket ConnAck()
    {
        ReasonCode[] said = [ReasonCode.Success, ReasonCode.UnsupportedProtocolVersion, ReasonCode.ClientIdentifierNotValid, ReasonCode.NotAuthorized];
        var reason = OneOf(said);
        return new ConnAckPacket { Reason = reason, SessionPresent = !reason.IsFailure() && Chance(), Properties = Properties("CONNACK") };
    }

    private PublishPacket Publish()
    {
        var qos = Qos();
        return new PublishPacket
        {
            Topic = Topic(),
            Payload = Binary(_random.Next(8) == 0 ? 20_000 : 200),
            Qos = qos,
            Retain = Chance(),
            Duplicate = qos != 0 && Chance(),
            PacketId = qos != 0 ? Id() : (ushort)0,
            Properties = Properties("PUBLISH"),
        };
    }

    // The properties come from the table of samples: any that may stand here, in any order, as one block.
    private PropertyBlock Properties(string place)
    {
        if (!V5 || Chance()) return PropertyBlock.None;
        var samples = PropertyCases.All.Where(row => row.StandsIn.Contains(place)).DistinctBy(row => row.Notation[..2]).ToArray();
        _random.Shuffle(samples);
        var chosen = string.Concat(samples.Take(_random.Next(samples.Length + 1)).Select(row => row.Notation));
        var packet = Codec.Read(PropertyCases.Places[place].Replace("?", chosen), version);
        return PropertyCases.BlockIn(packet) with { UserProperties = UserProperties() };
    }

    private List<UserProperty> UserProperties() => [.. Enumerable.Range(0, _random.Next(4)).Select(_ => new UserProperty(Text(), Text()))];

    private SubscriptionRequest Subscription()
    {
        var filter = Filter();
        return V5
            ? new SubscriptionRequest(filter, Qos(), filter.ShareName is null && Chance(), Chance(), (RetainHandling)_random.Next(3))
            : new SubscriptionRequest(filter, Qos());
    }

    private TopicFilter Filter() => TopicFilter.Parse(OneOf<string>(["#", "+", "a/+/b", "$share/g/a/#", $"{Topic()}/#", Topic().Value]));

    private TopicName Topic() => TopicName.Parse("t" + string.Join('/', Some(Text)));

    private ReasonCode SubscriptionReason() =>
        OneOf<ReasonCode>([ReasonCode.Success, ReasonCode.GrantedQos1, ReasonCode.GrantedQos2, ReasonCode.UnspecifiedError]);

    private ReasonCode Reason(PacketType type)
    {
        if (!V5) return ReasonCode.Success;
        return OneOf([.. Enum.GetValues<ReasonCode>().Where(reason => (ReasonCodeTable.PacketsWith(reason) & type.AsSet()) != 0)]);
    }

    private ushort Id() => (ushort)_random.Next(1, 0x10000);

    private QualityOfService Qos() => (QualityOfService)_random.Next(3);

    private bool Chance() => _random.Next(2) == 0;

    private string Text() => OneOf(Words) + OneOf(Words);

    private T OneOf<T>(T[] choices) => choices[_random.Next(choices.Length)];

    private List<T> Some<T>(Func<T> make) => [.. Enumerable.Range(0, _random.Next(1, 6)).Select(_ => make())];

    private byte[] Binary(int longest)
    {
        var bytes = new byte[_random.Next(longest)];
        _random.NextBytes(bytes);
        return bytes;
    }
}
