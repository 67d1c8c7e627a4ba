namespace IoTFleet.Fuzz.Payloads;

/// <summary>Ways to make a good payload bad: like any bytes, and by pieces that mean something in its format.</summary>
internal static class PayloadDamage
{
    /// <summary>One to three changes.</summary>
    /// <param name="pieces">What the format's reader would take for something.</param>
    public static byte[] Of(byte[] payload, Dice dice, byte[] other, byte[][] pieces)
    {
        var bytes = new List<byte>(payload);
        for (var times = dice.From(1, 3); times > 0; times--) Once(bytes, dice, other, pieces);
        return [.. bytes];
    }

    private static void Once(List<byte> bytes, Dice dice, byte[] other, byte[][] pieces)
    {
        if (bytes.Count == 0) bytes.Add(dice.Byte());
        var at = dice.Below(bytes.Count);
        switch (dice.Below(12))
        {
            case 0: bytes[at] ^= (byte)(1 << dice.Below(8)); break;
            case 1: bytes[at] = dice.Byte(); break;
            case 2 or 3: bytes.InsertRange(at, dice.OneOf<byte[]>(pieces)); break;
            case 4: Replace(bytes, at, dice.OneOf<byte[]>(pieces)); break;
            case 5: bytes.RemoveRange(at, Math.Min(dice.From(1, 8), bytes.Count - at)); break;
            case 6: bytes.RemoveRange(at, bytes.Count - at); break;                                                          // cut off
            case 7: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(dice.From(1, 64), bytes.Count - at))); break;          // the same twice
            case 8: bytes.InsertRange(at, Many(dice.OneOf<byte[]>(pieces), dice.From(1, 2_000))); break;                     // as deep as it goes
            case 9: bytes.InsertRange(at, other); break;
            case 10: bytes.AddRange(dice.OneOf<byte[]>(pieces)); break;                                                      // something behind the end
            default: Swap(bytes, at, dice.Below(bytes.Count)); break;
        }
    }

    private static void Replace(List<byte> bytes, int at, byte[] piece)
    {
        bytes.RemoveRange(at, Math.Min(piece.Length, bytes.Count - at));
        bytes.InsertRange(at, piece);
    }

    private static byte[] Many(byte[] piece, int times) => [.. Enumerable.Repeat(piece, times).SelectMany(one => one)];

    private static void Swap(List<byte> bytes, int one, int two) => (bytes[one], bytes[two]) = (bytes[two], bytes[one]);
}
