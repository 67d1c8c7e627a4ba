using System.Buffers;
using System.Globalization;
using System.Text;

namespace IoTFleet.Testing;

/// <summary>
/// Bytes as the tests write them: hex with any spacing, 'text' as the standard's UTF-8 string with its two-byte length, {text} without a length,
/// and [ ... ] as a section with its length in front as a variable byte integer. "C0 [ ]" is PINGREQ, and so is "C000".
/// </summary>
public static class Bytes
{
    public static byte[] Of(string notation)
    {
        var position = 0;
        var bytes = Section(notation, ref position);
        return position == notation.Length ? bytes : throw new FormatException($"']' too many in: {notation}");
    }

    public static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes);

    /// <summary>A packet with this first byte and content and the right remaining length.</summary>
    public static byte[] Packet(byte firstByte, ReadOnlySpan<byte> content) => [firstByte, .. VariableInteger(content.Length), .. content];

    /// <summary>The bytes in segments that begin at these offsets.</summary>
    public static ReadOnlySequence<byte> Split(byte[] bytes, params int[] offsets)
    {
        var first = new Segment(bytes.AsMemory(0, offsets.Length > 0 ? offsets[0] : bytes.Length), null);
        var last = first;
        for (var i = 0; i < offsets.Length; i++)
        {
            var end = i + 1 < offsets.Length ? offsets[i + 1] : bytes.Length;
            last = new Segment(bytes.AsMemory(offsets[i], end - offsets[i]), last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static byte[] Section(string notation, ref int position)
    {
        var bytes = new List<byte>();
        while (position < notation.Length && notation[position] != ']')
        {
            var c = notation[position++];
            if (c == '\'') bytes.AddRange(WithLength(Until('\'', notation, ref position)));
            else if (c == '{') bytes.AddRange(Until('}', notation, ref position));
            else if (c == '[')
            {
                var section = Section(notation, ref position);
                bytes.AddRange([.. VariableInteger(section.Length), .. section]);
                position++;
            }
            else if (c != ' ') bytes.Add(byte.Parse(notation.AsSpan(position++ - 1, 2), NumberStyles.AllowHexSpecifier));
        }

        return [.. bytes];
    }

    private static byte[] Until(char end, string notation, ref int position)
    {
        var start = position;
        position = notation.IndexOf(end, start) + 1;
        return Encoding.UTF8.GetBytes(notation[start..(position - 1)]);
    }

    private static byte[] WithLength(byte[] text) => [(byte)(text.Length >> 8), (byte)text.Length, .. text];

    private static byte[] VariableInteger(int value)
    {
        var bytes = new List<byte>();
        for (; value > 0x7F; value >>= 7) bytes.Add((byte)(value & 0x7F | 0x80));
        return [.. bytes, (byte)value];
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is null) return;
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }
}
