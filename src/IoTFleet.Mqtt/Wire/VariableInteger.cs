namespace IoTFleet.Mqtt.Wire;

/// <summary>The variable byte integer: seven bits a byte, lowest first, at most four bytes (MQTT 5.0, 1.5.5).</summary>
internal static class VariableInteger
{
    public const uint Max = 268_435_455;
    public const int MaxLength = 4;

    public enum Outcome { Done, Incomplete, TooLong }

    public static Outcome TryRead(ReadOnlySpan<byte> bytes, out uint value, out int length)
    {
        value = 0;
        for (length = 0; length < MaxLength; length++)
        {
            if (length == bytes.Length) return Outcome.Incomplete;
            value |= (uint)(bytes[length] & 0x7F) << (7 * length);
            if (bytes[length] < 0x80)
            {
                length++;
                return Outcome.Done;
            }
        }

        return Outcome.TooLong;
    }

    public static int Length(uint value) => value switch { < 1 << 7 => 1, < 1 << 14 => 2, < 1 << 21 => 3, _ => 4 };
}
