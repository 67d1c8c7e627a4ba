using System.Buffers;
using System.Buffers.Binary;
using System.Text.Unicode;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>RFC 8949 3.1.</summary>
internal enum CborMajor : byte { Unsigned, Negative, Bytes, Text, Array, Map, Tag, Simple }

/// <param name="Major">The first three bits.</param>
/// <param name="Info">The other five: how the argument is written, or <see cref="Indefinite"/>.</param>
/// <param name="Argument">A number, a length, a tag, or the bits of a float.</param>
internal readonly record struct CborHead(CborMajor Major, byte Info, ulong Argument)
{
    public const byte Indefinite = 31;

    public bool IsIndefinite => Info == Indefinite;

    public bool IsBreak => Major == CborMajor.Simple && Info == Indefinite;
}

/// <summary>Takes CBOR apart, item by item. Lengths are checked against what is there before anything is made of them.</summary>
internal ref struct CborReader(ReadOnlySpan<byte> cbor)
{
    private const byte Break = 0xFF;
    private const long UntilBreak = -1;

    private readonly int _length = cbor.Length;
    private ReadOnlySpan<byte> _rest = cbor;

    public static PayloadProblem Malformed(string what) => new(PayloadCodes.NotCbor, $"the payload is not well-formed CBOR: {what}");

    public CborHead ReadHead()
    {
        var first = Take(1)[0];
        var (major, info) = ((CborMajor)(first >> 5), (byte)(first & 31));
        ulong argument = info switch
        {
            < 24 => info,
            24 => Take(1)[0],
            25 => BinaryPrimitives.ReadUInt16BigEndian(Take(2)),
            26 => BinaryPrimitives.ReadUInt32BigEndian(Take(4)),
            27 => BinaryPrimitives.ReadUInt64BigEndian(Take(8)),
            CborHead.Indefinite when major is not (CborMajor.Unsigned or CborMajor.Negative or CborMajor.Tag) => 0,
            _ => throw Broken($"a head of 0x{first:X2}"),
        };
        return new CborHead(major, info, argument);
    }

    /// <summary>A text that is valid UTF-8, each of its parts (RFC 8949 3.2.3).</summary>
    public ReadOnlySpan<byte> ReadText(in CborHead head) => ReadString(head);

    /// <summary>The bytes of a byte string or text, where they are or, in parts, put together.</summary>
    public ReadOnlySpan<byte> ReadString(in CborHead head)
    {
        if (!head.IsIndefinite) return Part(head);
        var whole = new ArrayBufferWriter<byte>();
        for (var left = UntilBreak; HasNext(ref left);)
        {
            var part = ReadHead();
            if (part.Major != head.Major || part.IsIndefinite) throw Broken("a string with a part that is none");
            whole.Write(Part(part));
        }

        return whole.WrittenSpan;
    }

    /// <summary>How many items follow, for <see cref="HasNext"/>: no more than there are bytes for.</summary>
    public readonly long Items(in CborHead head, int bytesEach)
    {
        if (head.IsIndefinite) return UntilBreak;
        return head.Argument <= (ulong)(_rest.Length / bytesEach) ? (long)head.Argument : throw Broken("more items than bytes");
    }

    public bool HasNext(ref long left)
    {
        if (left != UntilBreak) return left-- > 0;
        if (_rest.IsEmpty) throw Broken("no end of what has no length");
        if (_rest[0] != Break) return true;
        _rest = _rest[1..];
        return false;
    }

    public readonly void ExpectEnd()
    {
        if (!_rest.IsEmpty) throw Broken("more behind its end");
    }

    private ReadOnlySpan<byte> Part(in CborHead head)
    {
        if (head.Argument > (ulong)_rest.Length) throw Broken("a string longer than the payload");
        var part = Take((int)head.Argument);
        if (head.Major == CborMajor.Text && !Utf8.IsValid(part)) throw new PayloadProblem(PayloadCodes.NotUtf8, $"a text before byte {_length - _rest.Length} is not valid UTF-8");
        return part;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_rest.Length < count) throw Broken("it ends too early");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private readonly PayloadProblem Broken(string what) => Malformed($"{what}, at byte {_length - _rest.Length}");
}
