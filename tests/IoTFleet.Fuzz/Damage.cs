namespace IoTFleet.Fuzz;

/// <summary>Ways to make a good packet a bad one, or a different good one.</summary>
internal static class Damage
{
    private static readonly byte[] Telling = [0x00, 0x01, 0x7F, 0x80, 0xFF, 0x26, 0x23, 0x0B];
    private static readonly byte[][] Lengths = [[0x00], [0x7F], [0x80, 0x01], [0xFF, 0x7F], [0xFF, 0xFF, 0x03], [0xFF, 0xFF, 0xFF, 0x7F], [0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x80, 0x80, 0x80, 0x00]];

    /// <summary>One to three changes; half of the time the length is mended after them, so that what is behind it is reached.</summary>
    public static byte[] Of(byte[] packet, Dice dice, byte[] other)
    {
        var bytes = new List<byte>(packet);
        for (var times = dice.From(1, 3); times > 0; times--) Once(bytes, dice, other);
        if (dice.OneIn(2)) MendLength(bytes);
        return [.. bytes];
    }

    private static void Once(List<byte> bytes, Dice dice, byte[] other)
    {
        if (bytes.Count == 0) bytes.Add(dice.Byte());
        var at = dice.Below(bytes.Count);
        switch (dice.Below(11))
        {
            case 0: bytes[at] ^= (byte)(1 << dice.Below(8)); break;
            case 1: bytes[at] = dice.Byte(); break;
            case 2: bytes[at] = dice.OneOf<byte>(Telling); break;
            case 3: bytes.Insert(at, dice.OneOf<byte>(Telling)); break;
            case 4: bytes.RemoveRange(at, Math.Min(dice.From(1, 4), bytes.Count - at)); break;
            case 5: bytes.RemoveRange(at, bytes.Count - at); break;                                                 // cut off
            case 6: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(dice.From(1, 12), bytes.Count - at))); break;     // a property twice
            case 7: LieAboutLength(bytes, dice); break;
            case 8: bytes[at] = 0xFF; if (at + 1 < bytes.Count) bytes[at + 1] = dice.OneOf<byte>(Telling); break;       // a text of 65,000 bytes
            case 9: bytes[0] = (byte)(dice.Below(16) << 4 | bytes[0] & 0x0F); break;                                // another type
            default: bytes.InsertRange(at, other); break;                                                           // a packet in a packet
        }
    }

    private static void LieAboutLength(List<byte> bytes, Dice dice)
    {
        if (bytes.Count < 2) return;
        bytes.RemoveRange(1, LengthBytes(bytes));
        bytes.InsertRange(1, dice.OneOf<byte[]>(Lengths));
    }

    private static void MendLength(List<byte> bytes)
    {
        if (bytes.Count < 2) return;
        bytes.RemoveRange(1, LengthBytes(bytes));
        var value = bytes.Count - 1;
        var at = 1;
        for (; value > 0x7F; value >>= 7) bytes.Insert(at++, (byte)(value & 0x7F | 0x80));
        bytes.Insert(at, (byte)value);
    }

    private static int LengthBytes(List<byte> bytes)
    {
        var length = 1;
        while (length < 4 && length + 1 < bytes.Count && bytes[length] >= 0x80) length++;
        return length;
    }
}
