using System.Buffers.Binary;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>The wire format of protocol buffers, as far as Sparkplug B needs it: fields one by one, and those unknown passed over.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message)
{
    private const int MaxVarintBytes = 10;

    private ReadOnlySpan<byte> _rest = message;
    private WireType _type;

    private enum WireType { Varint, Fixed64, Bytes, StartGroup, EndGroup, Fixed32 }

    /// <summary>The number of the field that was read.</summary>
    public int Field { get; private set; }

    /// <summary>Of a varint or of a fixed width.</summary>
    public ulong Number { get; private set; }

    /// <summary>Of a string, bytes or a message.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    public bool Read()
    {
        if (_rest.IsEmpty) return false;
        var key = Varint();
        (Field, _type) = ((int)Math.Min(key >> 3, int.MaxValue), (WireType)(key & 7));
        if (key >> 3 is 0 or > 536_870_911) throw Malformed("a field number out of its range");
        Bytes = default;
        Number = 0;
        switch (_type)
        {
            case WireType.Varint: Number = Varint(); break;
            case WireType.Fixed64: Number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8)); break;
            case WireType.Fixed32: Number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4)); break;
            case WireType.Bytes: Bytes = Take(Varint()); break;
            default: throw Malformed("a wire type that Sparkplug B does not use");
        }

        return true;
    }

    public readonly ulong Varint(string name) => _type == WireType.Varint ? Number : throw Wrong(name);

    public readonly uint Fixed32(string name) => _type == WireType.Fixed32 ? (uint)Number : throw Wrong(name);

    public readonly ulong Fixed64(string name) => _type == WireType.Fixed64 ? Number : throw Wrong(name);

    public readonly ReadOnlySpan<byte> Content(string name) => _type == WireType.Bytes ? Bytes : throw Wrong(name);

    public static PayloadProblem Malformed(string what) => new(PayloadCodes.NotSparkplug, $"the payload is no Sparkplug B: {what}");

    private static PayloadProblem Wrong(string name) => Malformed($"{name} is of another wire type");

    private ulong Varint()
    {
        ulong value = 0;
        for (var i = 0; i < MaxVarintBytes; i++)
        {
            var next = Take(1)[0];
            if (i == MaxVarintBytes - 1 && next > 1) break;
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80) return value;
        }

        throw Malformed("a number longer than 64 bits");
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)_rest.Length) throw Malformed("it ends too early");
        var taken = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return taken;
    }
}
