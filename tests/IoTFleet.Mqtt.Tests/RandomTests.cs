using System.Buffers;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Mqtt.Tests;

public sealed class RandomTests
{
    public static TheoryData<PacketType, ProtocolVersion> TypesAndVersions
    {
        get
        {
            var rows = new TheoryData<PacketType, ProtocolVersion>();
            foreach (var type in Enum.GetValues<PacketType>())
            {
                rows.Add(type, ProtocolVersion.V5);
                if (type != PacketType.Auth) rows.Add(type, ProtocolVersion.V311);
            }

            return rows;
        }
    }

    [Theory, MemberData(nameof(TypesAndVersions))]
    public void Whatever_is_written_is_read_back_the_same(PacketType type, ProtocolVersion version)
    {
        var packets = new RandomPackets(seed: 20_251, version);
        for (var i = 0; i < 300; i++)
        {
            var packet = packets.Next(type);
            var bytes = Codec.Write(packet, version);

            var read = Codec.Read(bytes, version);

            Assert.Equal(PacketText.Of(packet), PacketText.Of(read));
            Assert.Equal(bytes, Codec.Write(read, version));
        }
    }

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public void Damaged_bytes_are_a_packet_or_a_violation_and_never_anything_else(ProtocolVersion version)
    {
        const int Cases = 100_000;
        var random = new Random(7);
        var seeds = PacketCases.Good.Where(row => row.Version == version).Select(row => row.Content).ToArray();
        var read = 0;
        for (var i = 0; i < Cases; i++)
        {
            var bytes = Damage(seeds[random.Next(seeds.Length)], random);
            if (TryRead(bytes, version, out var packet)) read += Writable(packet, version, bytes);
        }

        Assert.InRange(read, Cases / 20, Cases * 19 / 20); // the damage is neither always fatal nor always harmless
    }

    private static bool TryRead(byte[] bytes, ProtocolVersion version, out Packet packet)
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        packet = PingReqPacket.Instance;
        try
        {
            return Codec.Reader(version).TryRead(ref buffer, out packet!);
        }
        catch (ProtocolViolation violation)
        {
            Assert.True(violation.Reason.IsFailure());
            return false;
        }
    }

    // What was read can be written, and comes back as it went out.
    private static int Writable(Packet packet, ProtocolVersion version, byte[] bytes)
    {
        var written = Codec.Write(packet, version);
        var reader = packet is ConnectPacket connect ? connect.Version : version;
        Assert.True(written.AsSpan().SequenceEqual(Codec.Write(Codec.Read(written, reader), version)), Bytes.Hex(bytes));
        return 1;
    }

    private static byte[] Damage(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.Insert(at, (byte)random.Next(256)); break;
                case 3 when bytes.Count > 2: bytes.RemoveAt(at); break;
                default: bytes[bytes.Count > 1 ? 1 : 0] = (byte)(bytes.Count - 2); break; // mend the length, so that the content is reached
            }
        }

        return [.. bytes];
    }
}
