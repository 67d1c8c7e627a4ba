using System.Formats.Asn1;
using System.Numerics;

namespace IoTFleet.Pki.Linting;

/// <summary>Reads DER value by value without an object for each, as <see cref="AsnReader"/> would make.</summary>
internal ref struct DerSpan(ReadOnlySpan<byte> rest)
{
    private const AsnEncodingRules Rules = AsnEncodingRules.DER;
    private ReadOnlySpan<byte> _rest = rest;

    /// <summary>What has not been read.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    public readonly bool HasData => !_rest.IsEmpty;

    public readonly Asn1Tag Tag => Asn1Tag.Decode(_rest, out _);

    public DerSpan ReadSequence(Asn1Tag? tag = null)
    {
        AsnDecoder.ReadSequence(_rest, Rules, out var offset, out var length, out var consumed, tag);
        return new DerSpan(Take(consumed).Slice(offset, length));
    }

    public ReadOnlySpan<byte> ReadEncoded()
    {
        AsnDecoder.ReadEncodedValue(_rest, Rules, out _, out _, out var consumed);
        return Take(consumed);
    }

    public BigInteger ReadInteger()
    {
        var value = AsnDecoder.ReadInteger(_rest, Rules, out var consumed);
        Take(consumed);
        return value;
    }

    public ReadOnlySpan<byte> ReadIntegerBytes()
    {
        var value = AsnDecoder.ReadIntegerBytes(_rest, Rules, out var consumed);
        Take(consumed);
        return value;
    }

    public int ReadEnumerated()
    {
        var value = AsnDecoder.ReadEnumeratedBytes(_rest, Rules, out var consumed);
        Take(consumed);
        return value.Length == 1 ? value[0] : -1;
    }

    public string ReadOid()
    {
        var value = AsnDecoder.ReadObjectIdentifier(_rest, Rules, out var consumed);
        Take(consumed);
        return value;
    }

    public bool ReadBoolean(Asn1Tag tag)
    {
        var value = AsnDecoder.ReadBoolean(_rest, Rules, out var consumed, tag);
        Take(consumed);
        return value;
    }

    public ReadOnlySpan<byte> ReadOctets()
    {
        if (!AsnDecoder.TryReadPrimitiveOctetString(_rest, Rules, out var value, out var consumed)) throw new AsnContentException("An octet string comes in pieces, which DER forbids.");
        Take(consumed);
        return value;
    }

    public string ReadText(Asn1Tag tag)
    {
        var value = AsnDecoder.ReadCharacterString(_rest, Rules, UniversalTagNumber.IA5String, out var consumed, tag);
        Take(consumed);
        return value;
    }

    public DateTimeOffset ReadTime()
    {
        var value = Tag == Asn1Tag.UtcTime ? AsnDecoder.ReadUtcTime(_rest, Rules, out var consumed, 2049) : AsnDecoder.ReadGeneralizedTime(_rest, Rules, out consumed);
        Take(consumed);
        return value;
    }

    public readonly void ThrowIfNotEmpty()
    {
        if (HasData) throw new AsnContentException("There is more than there may be.");
    }

    private ReadOnlySpan<byte> Take(int consumed)
    {
        var taken = _rest[..consumed];
        _rest = _rest[consumed..];
        return taken;
    }
}
