using System.Buffers;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using static IoTFleet.Mqtt.ProtocolVersion;

namespace IoTFleet.Mqtt.Tests;

public sealed class WriterTests
{
    private static readonly TopicName Topic = TopicName.Parse("a");

    public static TheoryData<string, Packet, ProtocolVersion> Impossible => new()
    {
        { "AUTH in 3.1.1", new AuthPacket(), V311 },
        { "packet identifier 0", new PubAckPacket { PacketId = 0 }, V5 },
        { "QoS 1 without an identifier", new PublishPacket { Topic = Topic, Qos = QualityOfService.AtLeastOnce }, V311 },
        { "a QoS 0 duplicate", new PublishPacket { Topic = Topic, Duplicate = true }, V311 },
        { "no topic in 3.1.1", new PublishPacket { Topic = null, Properties = new PropertyBlock { TopicAlias = 1 } }, V311 },
        { "neither topic nor alias", new PublishPacket { Topic = null }, V5 },
        { "a text too long", new ConnectPacket { Version = V5, ClientId = new string('a', 65_536) }, V5 },
        { "a text with U+0000", new ConnectPacket { Version = V5, ClientId = "a\0" }, V5 },
        { "half a surrogate pair", new ConnectPacket { Version = V5, ClientId = "\uD83D" }, V5 },
        { "a will too long", new ConnectPacket { Version = V5, ClientId = "a", Will = new() { Topic = Topic, Payload = new byte[65_536] } }, V5 },
        { "a password alone in 3.1.1", new ConnectPacket { Version = V311, ClientId = "a", Password = new byte[1] }, V311 },
        { "SUBSCRIBE to nothing", new SubscribePacket { PacketId = 1, Subscriptions = [] }, V5 },
        { "No Local on a share", new SubscribePacket { PacketId = 1, Subscriptions = [new(TopicFilter.Parse("$share/g/a"), 0, NoLocal: true)] }, V5 },
        { "UNSUBSCRIBE from nothing", new UnsubscribePacket { PacketId = 1, Filters = [] }, V5 },
        { "SUBACK of nothing", new SubAckPacket { PacketId = 1, Reasons = [] }, V5 },
        { "UNSUBACK of nothing", new UnsubAckPacket { PacketId = 1, Reasons = [] }, V5 },
        { "data without a method", new AuthPacket { Properties = new PropertyBlock { AuthenticationData = new byte[1] } }, V5 },
    };

    [Theory, MemberData(nameof(Impossible))]
    public void What_the_wire_cannot_hold_is_refused_and_nothing_is_written(string what, Packet packet, ProtocolVersion version)
    {
        var output = new ArrayBufferWriter<byte>();

        Assert.True(Record.Exception(() => PacketWriter.Write(output, packet, version)) is ArgumentException, what);
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void A_connect_is_written_in_its_own_version() =>
        Assert.Equal(Bytes.Of("10 ['MQTT' 04 00 0000 'a']"), Codec.Write(new ConnectPacket { Version = V311, ClientId = "a" }, V5));

    [Fact]
    public void What_3_1_1_cannot_say_is_left_out()
    {
        var words = new PropertyBlock { ReasonString = "because" };
        var refusal = new PubAckPacket { PacketId = 1, Reason = ReasonCode.NotAuthorized, Properties = words };

        Assert.Equal(Bytes.Of("40 [0001]"), Codec.Write(refusal, V311));
        Assert.Equal(Bytes.Of("E000"), Codec.Write(new DisconnectPacket { Reason = ReasonCode.ServerBusy, Properties = words }, V311));
        Assert.Equal(Bytes.Of("B0 [0001]"), Codec.Write(new UnsubAckPacket { PacketId = 1, Reasons = [], Properties = words }, V311));
        Assert.Equal(Bytes.Of("90 [0001 80 02]"),
            Codec.Write(new SubAckPacket { PacketId = 1, Reasons = [ReasonCode.NotAuthorized, ReasonCode.GrantedQos2], Properties = words }, V311));
    }

    [Theory]
    [InlineData(ReasonCode.Success, 0)]
    [InlineData(ReasonCode.UnsupportedProtocolVersion, 1)]
    [InlineData(ReasonCode.ClientIdentifierNotValid, 2)]
    [InlineData(ReasonCode.ServerUnavailable, 3)]
    [InlineData(ReasonCode.ServerBusy, 3)]
    [InlineData(ReasonCode.QuotaExceeded, 3)]
    [InlineData(ReasonCode.BadUserNameOrPassword, 4)]
    [InlineData(ReasonCode.BadAuthenticationMethod, 4)]
    [InlineData(ReasonCode.NotAuthorized, 5)]
    [InlineData(ReasonCode.Banned, 5)]
    public void A_connack_reason_becomes_a_return_code_of_3_1_1(ReasonCode reason, byte code) =>
        Assert.Equal([0x20, 2, 0, code], Codec.Write(new ConnAckPacket { Reason = reason }, V311));

    [Fact]
    public void A_refusal_never_says_session_present() =>
        Assert.Equal([0x20, 2, 0, 5], Codec.Write(new ConnAckPacket { SessionPresent = true, Reason = ReasonCode.NotAuthorized }, V311));

    [Theory]
    [InlineData(0)]
    [InlineData(124)]
    [InlineData(125)]
    [InlineData(16_380)]
    [InlineData(16_381)]
    [InlineData(2_097_148)]
    [InlineData(2_097_149)]
    public void A_measured_packet_is_as_long_as_a_written_one(int payloadLength)
    {
        var packet = new PublishPacket { Topic = Topic, Payload = new byte[payloadLength] };

        Assert.Equal(Codec.Write(packet, V311).Length, PacketWriter.Measure(packet, V311));
    }

    [Fact]
    public void A_packet_larger_than_the_standard_allows_is_refused() =>
        Assert.Throws<ArgumentException>(() => PacketWriter.Measure(new PublishPacket { Topic = Topic, Payload = new byte[268_435_453] }, V311));
}
