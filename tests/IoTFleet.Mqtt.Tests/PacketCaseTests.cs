using System.Buffers;

namespace IoTFleet.Mqtt.Tests;

public sealed class PacketCaseTests
{
    public static TheoryData<string> GoodNames => [.. PacketCases.Good.Select(row => row.ToString())];

    public static TheoryData<string> ShortestNames => [.. PacketCases.Good.Where(row => row.Canonical is null).Select(row => row.ToString())];

    public static TheoryData<string> BadNames => [.. PacketCases.Bad.Select(row => row.ToString())];

    [Theory, MemberData(nameof(GoodNames))]
    public void Good_bytes_are_read(string name)
    {
        var row = PacketCases.GoodNamed(name);

        Assert.Equal(row.Packet, PacketText.Of(Codec.Read(row.Content, row.Version)));
    }

    [Theory, MemberData(nameof(GoodNames))]
    public void A_packet_read_is_written_as_the_same_bytes(string name)
    {
        var row = PacketCases.GoodNamed(name);
        var packet = Codec.Read(row.Content, row.Version);

        Assert.Equal(Bytes.Hex(Bytes.Of(row.Canonical ?? row.Notation)), Bytes.Hex(Codec.Write(packet, row.Version)));
    }

    [Theory, MemberData(nameof(BadNames))]
    public void Bad_bytes_are_refused_with_the_reason_for_the_peer(string name)
    {
        var row = PacketCases.BadNamed(name);

        Assert.Equal(row.Reason, Codec.Refusal(row.Notation, row.Version));
    }

    [Theory, MemberData(nameof(GoodNames))]
    public void A_packet_in_two_segments_reads_the_same_wherever_it_is_cut(string name)
    {
        var row = PacketCases.GoodNamed(name);

        for (var cut = 0; cut <= row.Content.Length; cut++)
        {
            var buffer = Bytes.Split(row.Content, cut);
            Assert.True(Codec.Reader(row.Version).TryRead(ref buffer, out var packet));
            Assert.Equal(row.Packet, PacketText.Of(packet));
            Assert.Equal(0, buffer.Length);
        }
    }

    [Theory, MemberData(nameof(GoodNames))]
    public void A_packet_that_arrives_byte_by_byte_is_read_with_its_last_byte(string name)
    {
        var row = PacketCases.GoodNamed(name);
        var reader = Codec.Reader(row.Version);

        for (var arrived = 0; arrived < row.Content.Length; arrived++)
        {
            var part = Bytes.Split(row.Content[..arrived], [.. Enumerable.Range(0, arrived)]);
            Assert.False(reader.TryRead(ref part, out _));
            Assert.Equal(arrived, part.Length);
        }

        var whole = Bytes.Split(row.Content, [.. Enumerable.Range(0, row.Content.Length)]);
        Assert.True(reader.TryRead(ref whole, out var packet));
        Assert.Equal(row.Packet, PacketText.Of(packet));
    }

    [Theory, MemberData(nameof(GoodNames))]
    public void What_follows_a_packet_is_left_in_the_buffer(string name)
    {
        var row = PacketCases.GoodNamed(name);
        var buffer = new ReadOnlySequence<byte>([.. row.Content, 0xFF, 0xFE]);

        Assert.True(Codec.Reader(row.Version).TryRead(ref buffer, out var packet));

        Assert.Equal(row.Packet, PacketText.Of(packet));
        Assert.Equal([0xFF, 0xFE], buffer.ToArray());
    }

    [Theory, MemberData(nameof(ShortestNames))]
    public void Content_cut_at_any_byte_is_refused_or_a_shorter_packet(string name)
    {
        var row = PacketCases.GoodNamed(name);
        var headerLength = 1 + Array.FindIndex(row.Content, 1, lengthByte => lengthByte < 0x80);

        for (var length = 0; length < row.Content.Length - headerLength; length++)
        {
            var cut = Bytes.Packet(row.Content[0], row.Content.AsSpan(headerLength, length));
            var problem = Record.Exception(() => Assert.NotEqual(row.Packet, PacketText.Of(Codec.Read(cut, row.Version))));
            Assert.True(problem is null or ProtocolViolation, $"cut after {length} bytes of content: {problem}");
        }
    }
}
