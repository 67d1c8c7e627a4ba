using System.Buffers;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Testing;

namespace IoTFleet.Fuzz;

/// <summary>A number becomes a case, the same one each time: a CONNECT and what follows, mostly with one packet damaged, in pieces.</summary>
internal static class CaseMaker
{
    private static readonly byte[][] Seeds311 = Seeds(ProtocolVersion.V311);
    private static readonly byte[][] Seeds5 = Seeds(ProtocolVersion.V5);

    public static FuzzCase Make(int seed, long number)
    {
        var dice = new Dice(seed, number);
        var version = dice.OneIn(3) ? ProtocolVersion.V311 : ProtocolVersion.V5;
        var packets = Packets(dice, version);
        if (!dice.OneIn(4)) DamageOne(packets, dice, version);
        byte[] bytes = [.. packets.SelectMany(packet => packet)];
        return new FuzzCase(number, version, bytes, Cuts(dice, bytes.Length), Reads: !dice.OneIn(500));
    }

    private static List<byte[]> Packets(Dice dice, ProtocolVersion version)
    {
        var valid = new ValidPackets(dice, version);
        var packets = new List<byte[]>();
        if (!dice.OneIn(30)) packets.Add(Write(valid.Connect(), version));
        for (var count = dice.Below(6); count > 0; count--)
        {
            packets.Add(dice.OneIn(4) ? dice.OneOf<byte[]>(SeedsOf(version)) : Write(valid.AfterConnect(), version));
        }

        return packets;
    }

    private static void DamageOne(List<byte[]> packets, Dice dice, ProtocolVersion version)
    {
        if (packets.Count == 0) return;
        var at = dice.OneIn(5) ? 0 : dice.Below(packets.Count);     // CONNECT in its turn, and a little more often
        packets[at] = Damage.Of(packets[at], dice, dice.OneOf<byte[]>(SeedsOf(version)));
    }

    private static int[] Cuts(Dice dice, int length)
    {
        if (length < 2) return [];
        return dice.Below(8) switch
        {
            < 4 => [],
            < 7 => [.. Enumerable.Range(0, dice.From(1, 3)).Select(_ => dice.From(1, length - 1)).Distinct().Order()],
            _ => [.. Enumerable.Range(1, Math.Min(length - 1, 40))],
        };
    }

    private static byte[] Write(Packet packet, ProtocolVersion version)
    {
        var output = new ArrayBufferWriter<byte>();
        PacketWriter.Write(output, packet, version);
        return output.WrittenSpan.ToArray();
    }

    private static byte[][] SeedsOf(ProtocolVersion version) => version == ProtocolVersion.V5 ? Seeds5 : Seeds311;

    private static byte[][] Seeds(ProtocolVersion version) =>
    [
        .. PacketCases.Good.Where(row => row.Version == version).Select(row => row.Content),
        .. PacketCases.Bad.Where(row => row.Version == version).Select(row => Bytes.Of(row.Notation)),
    ];
}
