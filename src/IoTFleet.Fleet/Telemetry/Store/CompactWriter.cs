using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>Numbers in as few bytes as they need, texts and bytes with their length before them: what the store keeps as one value.</summary>
internal readonly struct CompactWriter(ArrayBufferWriter<byte> output)
{
    internal void Number(long value) => Unsigned((ulong)((value << 1) ^ (value >> 63))); // zigzag: small negatives stay short

    internal void Unsigned(ulong value)
    {
        var span = output.GetSpan(10);
        var length = 0;
        for (; value >= 0x80; value >>= 7) span[length++] = (byte)(value | 0x80);
        span[length++] = (byte)value;
        output.Advance(length);
    }

    internal void Fixed(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(output.GetSpan(8), value);
        output.Advance(8);
    }

    internal void Double(double value) => Fixed(BitConverter.DoubleToUInt64Bits(value));

    internal void Byte(byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }

    internal void Text(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Unsigned((ulong)length);
        output.Advance(Encoding.UTF8.GetBytes(value, output.GetSpan(length)));
    }

    internal void Bytes(ReadOnlySpan<byte> value)
    {
        Unsigned((ulong)value.Length);
        output.Write(value);
    }
}

/// <summary>Reads what <see cref="CompactWriter"/> wrote.</summary>
/// <exception cref="InvalidDataException">From each of its reads: the bytes are not what was written.</exception>
internal ref struct CompactReader(ReadOnlyMemory<byte> input)
{
    private int _position;

    internal readonly bool AtEnd => _position == input.Length;

    internal long Number()
    {
        var value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    internal ulong Unsigned()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Byte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
        throw new InvalidDataException("A number is longer than ten bytes.");
    }

    internal int Count()
    {
        var count = Unsigned();
        return count <= (ulong)(input.Length - _position) ? (int)count : throw new InvalidDataException("A count is larger than what is left.");
    }

    internal ulong Fixed() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8).Span);

    internal double Double() => BitConverter.UInt64BitsToDouble(Fixed());

    internal byte Byte() => Take(1).Span[0];

    internal string Text() => Encoding.UTF8.GetString(Bytes().Span);

    /// <summary>Not copied.</summary>
    internal ReadOnlyMemory<byte> Bytes() => Take(Count());

    private ReadOnlyMemory<byte> Take(int length)
    {
        if (length > input.Length - _position) throw new InvalidDataException("The bytes end too early.");
        var taken = input.Slice(_position, length);
        _position += length;
        return taken;
    }
}
