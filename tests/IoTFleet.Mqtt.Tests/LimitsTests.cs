using System.Buffers;
using IoTFleet.Mqtt.Packets;
using static IoTFleet.Mqtt.ProtocolVersion;

namespace IoTFleet.Mqtt.Tests;

public sealed class LimitsTests
{
    [Fact]
    public void A_packet_too_large_is_refused_by_its_header_alone()
    {
        var header = new ReadOnlySequence<byte>(Bytes.Of("30 E307")); // 995 bytes to come: 998 with the header
        var reader = Codec.Reader(V311, new PacketLimits { MaxPacketSize = 997 });

        var violation = Assert.Throws<ProtocolViolation>(() => reader.TryRead(ref header, out _));

        Assert.Equal(ReasonCode.PacketTooLarge, violation.Reason);
    }

    [Fact]
    public void A_packet_of_the_largest_size_is_read()
    {
        var bytes = Bytes.Packet(0x30, [.. Bytes.Of("'a'"), .. new byte[992]]);

        var packet = (PublishPacket)Codec.Read(bytes, V311, new PacketLimits { MaxPacketSize = 998 });

        Assert.Equal((998, 992), (bytes.Length, packet.Payload.Length));
    }

    [Fact]
    public void A_wrong_first_byte_is_refused_before_the_rest_arrives()
    {
        var first = new ReadOnlySequence<byte>([0x80]);

        Assert.Throws<ProtocolViolation>(() => Codec.Reader(V5).TryRead(ref first, out _));
    }

    [Fact]
    public void A_connect_too_large_is_refused_by_its_header_alone()
    {
        var header = new ReadOnlySequence<byte>(Bytes.Of("10 7F")); // 129 bytes
        var reader = Codec.Reader(V5, new PacketLimits { MaxConnectSize = 128 });

        var violation = Assert.Throws<ProtocolViolation>(() => reader.TryRead(ref header, out _));

        Assert.Equal(ReasonCode.PacketTooLarge, violation.Reason);
    }

    [Theory]
    [InlineData("30 ['abcdefgh']", null)]
    [InlineData("30 ['abcdefghi']", ReasonCode.TopicNameInvalid)]
    [InlineData("30 ['a/b/c']", null)]
    [InlineData("30 ['a/b/c/d']", ReasonCode.TopicNameInvalid)]
    [InlineData("82 [0001 'abcdefghi' 00]", ReasonCode.TopicFilterInvalid)]
    [InlineData("82 [0001 'a/b/c/#' 00]", ReasonCode.TopicFilterInvalid)]
    [InlineData("82 [0001 'a' 00 'b' 00]", null)]
    [InlineData("82 [0001 'a' 00 'b' 00 'c' 00]", ReasonCode.QuotaExceeded)]
    [InlineData("A2 [0001 'a' 'b' 'c']", ReasonCode.QuotaExceeded)]
    public void Topics_have_limits(string notation, ReasonCode? refusal)
    {
        var limits = new PacketLimits { MaxTopicLength = 8, MaxTopicLevels = 3, MaxTopicsPerPacket = 2 };

        var violation = Record.Exception(() => Codec.Read(notation, V311, limits)) as ProtocolViolation;

        Assert.Equal(refusal, violation?.Reason);
    }

    [Theory]
    [InlineData("26 'a' '' 26 'b' ''", null)]
    [InlineData("26 'a' '' 26 'b' '' 26 'c' ''", ReasonCode.QuotaExceeded)]
    public void User_properties_have_a_limit(string properties, ReasonCode? refusal)
    {
        var limits = new PacketLimits { MaxUserProperties = 2 };

        var violation = Record.Exception(() => Codec.Read($"30 ['a' [{properties}]]", V5, limits)) as ProtocolViolation;

        Assert.Equal(refusal, violation?.Reason);
    }

    [Theory]
    [InlineData("26 'abcd' 'efgh'", null)]
    [InlineData("26 'ab' 'cd' 26 'ef' 'gh'", null)]
    [InlineData("26 'abcd' 'efghi'", ReasonCode.QuotaExceeded)]
    [InlineData("26 'abcdefghi' ''", ReasonCode.QuotaExceeded)]
    [InlineData("26 'ab' 'cd' 26 'ef' 'ghi'", ReasonCode.QuotaExceeded)]
    [InlineData("26 'a' FFFF", ReasonCode.QuotaExceeded)] // by what it says of its length, which is not there
    public void User_properties_have_a_limit_of_bytes(string properties, ReasonCode? refusal)
    {
        var limits = new PacketLimits { MaxUserPropertyBytes = 8 };

        var violation = Record.Exception(() => Codec.Read($"30 ['a' [{properties}]]", V5, limits)) as ProtocolViolation;

        Assert.Equal(refusal, violation?.Reason);
    }

    [Fact]
    public void A_limit_out_of_its_range_names_itself()
    {
        var problem = Assert.Throws<ArgumentOutOfRangeException>(() => new PacketLimits { MaxPacketSize = 31 });

        Assert.StartsWith("MaxPacketSize must be 32 to 268435460.", problem.Message, StringComparison.Ordinal);
    }
}
