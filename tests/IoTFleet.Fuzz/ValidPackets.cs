using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Fuzz;

/// <summary>Packets a client may send, with a liking for those few ids, topics and filters that meet each other.</summary>
internal sealed class ValidPackets(Dice dice, ProtocolVersion version)
{
    private static readonly TopicName[] Topics = [.. new[] { "t/0", "t/1", "t", "a/b/c", FuzzBroker.HealthyTopic, "$SYS/x", "/", "//", "ä/🚀", Deep('x'), new string('l', 1024), new string('l', 1025) }.Select(TopicName.Parse)];
    private static readonly TopicFilter[] Filters = [.. new[] { "#", "+/#", "t/+", "t/0", "+", "a/b/c", "a/#", "$SYS/#", "$share/g/t/+", "$share/g/#", "/+", "//", Deep('+'), Deep('x') + "/#", new string('l', 1025) }.Select(TopicFilter.Parse)];
    private static readonly string[] ClientIds = ["", "fuzz-0", "fuzz-1", "fuzz-2", "ä", new string('c', 300)];
    private static readonly ushort[] Ids = [1, 2, 3, 65_535];
    private static readonly uint[] Seconds = [0, 1, 2, 60, uint.MaxValue];
    private static readonly ushort[] Aliases = [1, 2, 16, 17, 65_535];
    private static readonly int[] Sizes = [0, 1, 10, 200, 200, 3_000, 20_000];

    public ConnectPacket Connect() => new()
    {
        Version = version,
        ClientId = dice.OneOf<string>(ClientIds),
        CleanStart = dice.OneIn(2),
        KeepAlive = dice.OneOf<ushort>([0, 1, 60, 65_535]),
        Will = dice.OneIn(4) ? Will() : null,
        UserName = dice.OneIn(8) ? "me" : null,
        Properties = V5 && dice.OneIn(2) ? ConnectProperties() : PropertyBlock.None,
    };

    public Packet AfterConnect() => dice.Below(24) switch
    {
        < 9 => Publish(),
        < 13 => Subscribe(),
        13 => new UnsubscribePacket { PacketId = Id(), Filters = Some(() => dice.OneOf<TopicFilter>(Filters)) },
        14 => new PubAckPacket { PacketId = Id() },
        15 => new PubRecPacket { PacketId = Id(), Reason = V5 && dice.OneIn(3) ? ReasonCode.QuotaExceeded : ReasonCode.Success },
        16 or 17 => new PubRelPacket { PacketId = Id() },
        18 => new PubCompPacket { PacketId = Id() },
        19 or 20 => PingReqPacket.Instance,
        21 => new DisconnectPacket { Reason = V5 && dice.OneIn(2) ? ReasonCode.DisconnectWithWill : ReasonCode.Success, Properties = V5 && dice.OneIn(2) ? new PropertyBlock { SessionExpiryInterval = dice.OneOf<uint>(Seconds) } : PropertyBlock.None },
        22 when V5 => new AuthPacket(),
        _ => Connect(),
    };

    private bool V5 => version == ProtocolVersion.V5;

    private PublishPacket Publish()
    {
        var qos = Qos();
        var alias = V5 && dice.OneIn(6) ? dice.OneOf<ushort>(Aliases) : (ushort?)null;
        return new PublishPacket
        {
            Topic = alias is not null && dice.OneIn(2) ? null : dice.OneOf<TopicName>(Topics),
            Payload = new byte[dice.OneOf<int>(Sizes)],
            Qos = qos,
            Retain = dice.OneIn(8),
            Duplicate = qos != 0 && dice.OneIn(6),
            PacketId = qos == 0 ? (ushort)0 : Id(),
            Properties = V5 && (alias is not null || dice.OneIn(3)) ? MessageProperties() with { TopicAlias = alias } : PropertyBlock.None,
        };
    }

    private SubscribePacket Subscribe() => new()
    {
        PacketId = Id(),
        Subscriptions = Some(Subscription),
        Properties = V5 && dice.OneIn(3) ? new PropertyBlock { SubscriptionIdentifiers = [(uint)dice.From(1, 268_435_455)] } : PropertyBlock.None,
    };

    private SubscriptionRequest Subscription()
    {
        var filter = dice.OneOf<TopicFilter>(Filters);
        return V5
            ? new SubscriptionRequest(filter, Qos(), NoLocal: filter.ShareName is null && dice.OneIn(3), RetainAsPublished: dice.OneIn(2), (RetainHandling)dice.Below(3))
            : new SubscriptionRequest(filter, Qos());
    }

    private WillMessage Will() => new()
    {
        Topic = dice.OneOf<TopicName>(Topics),
        Payload = new byte[dice.Below(300)],
        Qos = Qos(),
        Retain = dice.OneIn(4),
        Properties = V5 && dice.OneIn(2) ? MessageProperties() with { WillDelayInterval = dice.OneOf<uint>(Seconds) } : PropertyBlock.None,
    };

    private PropertyBlock ConnectProperties() => new()
    {
        SessionExpiryInterval = dice.OneOf<uint>(Seconds),
        ReceiveMaximum = dice.OneOf<ushort>([1, 2, 65_535]),
        MaximumPacketSize = dice.OneIn(3) ? (uint)dice.From(1, 300) : null,
        TopicAliasMaximum = dice.OneIn(2) ? dice.OneOf<ushort>(Aliases) : null,
        RequestProblemInformation = dice.OneIn(2) ? dice.OneIn(2) : null,
        RequestResponseInformation = dice.OneIn(2) ? dice.OneIn(2) : null,
        AuthenticationMethod = dice.OneIn(20) ? "SCRAM" : null,
        UserProperties = UserProperties(),
    };

    private PropertyBlock MessageProperties() => new()
    {
        PayloadFormatIndicator = dice.OneIn(2) ? (byte)dice.Below(2) : null,
        MessageExpiryInterval = dice.OneIn(2) ? dice.OneOf<uint>(Seconds) : null,
        ContentType = dice.OneIn(3) ? "text/plain" : null,
        ResponseTopic = dice.OneIn(3) ? dice.OneOf<TopicName>(Topics) : null,
        CorrelationData = dice.OneIn(3) ? (ReadOnlyMemory<byte>?)new byte[dice.Below(20)] : null,
        UserProperties = UserProperties(),
    };

    private UserProperty[] UserProperties() => dice.Below(6) switch
    {
        0 => [new UserProperty("a", "b"), new UserProperty("a", "c")],
        1 when dice.OneIn(8) => [new UserProperty("a", new string('x', 9_000))],
        2 when dice.OneIn(8) => [.. Enumerable.Repeat(new UserProperty("", ""), 33)],
        _ => [],
    };

    private List<T> Some<T>(Func<T> make)
    {
        var list = new List<T>();
        for (var count = dice.OneIn(50) ? 65 : dice.From(1, 4); count > 0; count--) list.Add(make());
        return list;
    }

    private ushort Id() => dice.OneOf<ushort>(Ids);

    private QualityOfService Qos() => (QualityOfService)dice.Below(3);

    private static string Deep(char level) => string.Join('/', Enumerable.Repeat(level, 31));
}
