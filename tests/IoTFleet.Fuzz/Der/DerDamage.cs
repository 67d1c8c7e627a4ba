namespace IoTFleet.Fuzz.Der;

/// <summary>Ways to make good DER bad: like any bytes, and as a reader of lengths and tags would hate it most.</summary>
internal static class DerDamage
{
    private static readonly byte[] Tags = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E, 0x30, 0x31, 0x80, 0x86, 0xA0, 0xA3, 0x1F, 0xFF];
    private static readonly byte[][] Lengths =
        [[0x00], [0x01], [0x7F], [0x80], [0x81, 0x00], [0x81, 0xFF], [0x82, 0xFF, 0xFF], [0x83, 0xFF, 0xFF, 0xFF], [0x84, 0x7F, 0xFF, 0xFF, 0xFF], [0x84, 0xFF, 0xFF, 0xFF, 0xFF], [0x88, 1, 0, 0, 0, 0, 0, 0, 0], [0xFF]];

    private static readonly byte[][] Values =
    [
        [0x05, 0x00], [0x30, 0x00], [0x31, 0x00], [0x02, 0x01, 0x80], [0x02, 0x02, 0x00, 0x01], [0x01, 0x01, 0x55], [0x06, 0x01, 0x80], [0x06, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        [0x17, 0x01, 0x5A], [0x18, 0x0F, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x5A], [0x1E, 0x03, 0xD8, 0x00, 0x41], [0x0C, 0x02, 0xC3, 0x28], [0x03, 0x01, 0x09], [0x24, 0x80, 0x04, 0x01, 0x41, 0x00, 0x00],
    ];

    /// <summary>One to three changes, half of them where a value begins.</summary>
    public static byte[] Of(byte[] der, Dice dice, byte[] other)
    {
        var bytes = new List<byte>(der);
        for (var times = dice.From(1, 3); times > 0; times--) Once(bytes, dice, other);
        return [.. bytes];
    }

    private static void Once(List<byte> bytes, Dice dice, byte[] other)
    {
        if (bytes.Count == 0) bytes.Add(dice.Byte());
        var elements = Elements(bytes);
        var at = elements.Count > 0 && dice.OneIn(2) ? elements[dice.Below(elements.Count)] : dice.Below(bytes.Count);
        switch (dice.Below(12))
        {
            case 0: bytes[at] ^= (byte)(1 << dice.Below(8)); break;
            case 1: bytes[at] = dice.Byte(); break;
            case 2: bytes[at] = dice.OneOf<byte>(Tags); break;
            case 3: ReplaceLength(bytes, at, dice.OneOf<byte[]>(Lengths)); break;
            case 4: bytes.RemoveRange(at, Math.Min(dice.From(1, 8), bytes.Count - at)); break;
            case 5: bytes.RemoveRange(at, bytes.Count - at); break;
            case 6: bytes.InsertRange(at, dice.OneOf<byte[]>(Values)); break;
            case 7: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(dice.From(1, 64), bytes.Count - at))); break;      // the same twice
            case 8: bytes.InsertRange(at, Nested(dice.From(1, 2_000))); break;                                           // as deep as it goes
            case 9: bytes.InsertRange(at, other.AsSpan(0, Math.Min(other.Length, 200)).ToArray()); break;
            case 10: bytes.AddRange(Enumerable.Repeat(dice.Byte(), dice.From(1, 300))); break;                           // something behind the end
            default: Swap(bytes, at, dice.Below(bytes.Count)); break;
        }
    }

    private static void ReplaceLength(List<byte> bytes, int at, byte[] length)
    {
        if (at + 1 >= bytes.Count) return;
        bytes.RemoveAt(at + 1);
        bytes.InsertRange(at + 1, length);
    }

    private static byte[] Nested(int depth)
    {
        var bytes = new byte[depth * 2];
        for (var i = 0; i < bytes.Length; i += 2) (bytes[i], bytes[i + 1]) = (0x30, 0x80);
        return bytes;
    }

    private static void Swap(List<byte> bytes, int one, int two) => (bytes[one], bytes[two]) = (bytes[two], bytes[one]);

    /// <summary>Where elements begin, as far as the bytes can be read as such; approximate in what was damaged before.</summary>
    private static List<int> Elements(List<byte> bytes)
    {
        var found = new List<int>();
        var at = 0;
        while (at + 1 < bytes.Count && found.Count < 200)
        {
            found.Add(at);
            var (constructed, length, header) = ((bytes[at] & 0x20) != 0 || bytes[at] == 0x04, (int)bytes[at + 1], 2);
            if (length > 0x80)
            {
                header += length & 0x7F;
                length = header - 2 <= 2 && at + header <= bytes.Count ? bytes.GetRange(at + 2, header - 2).Aggregate(0, (sum, one) => sum << 8 | one) : 0;
            }

            at += constructed ? header : header + length;
        }

        return found;
    }
}
