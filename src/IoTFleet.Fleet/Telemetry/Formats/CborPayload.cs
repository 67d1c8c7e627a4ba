using System.Buffers.Text;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>
/// CBOR (RFC 8949) to JSON, as its section 6.1 advises: text keys only, byte strings as base64url, not-a-number as null; times of tag 0 and 1
/// as RFC 3339 texts. Strict: what is not well-formed, or not valid UTF-8, is refused.
/// </summary>
internal ref struct CborPayload
{
    private const int MaxBignumBytes = 64;
    private const int MaxExponent = 400; // of a decimal fraction: beyond it is no number of 64 bits
    private const int MaxLevels = PayloadLimits.MaxDepth + 1; // an array around the reading

    private readonly JsonOutput _output;
    private CborReader _cbor;

    private CborPayload(ReadOnlySpan<byte> cbor, JsonOutput output)
    {
        _cbor = new CborReader(cbor);
        _output = output;
    }

    /// <exception cref="PayloadProblem">It is no CBOR, or holds what has no place in JSON.</exception>
    public static ReadOnlyMemory<byte> ToJson(ReadOnlySpan<byte> cbor)
    {
        using var output = JsonOutput.Rent();
        var payload = new CborPayload(cbor, output);
        payload.Item(levels: 0);
        payload._cbor.ExpectEnd();
        return output.End();
    }

    private void Item(int levels)
    {
        var head = _cbor.ReadHead();
        for (var tags = 0; head.Major == CborMajor.Tag; head = _cbor.ReadHead())
        {
            if (head.Argument <= 4)
            {
                Tagged(head.Argument);
                return;
            }

            if (head.Argument == 5) throw Unsupported("a big float (tag 5)");
            if (++tags > PayloadLimits.MaxDepth) throw TooDeep();
        }

        switch (head.Major)
        {
            case CborMajor.Unsigned: _output.Json.WriteNumberValue(head.Argument); break;
            case CborMajor.Negative: Negative(head.Argument); break;
            case CborMajor.Bytes: _output.Json.WriteStringValue(Base64Url.EncodeToUtf8(_cbor.ReadString(head))); break;
            case CborMajor.Text: _output.Json.WriteStringValue(_cbor.ReadText(head)); break;
            case CborMajor.Array: Array(head, levels + 1); break;
            case CborMajor.Map: Map(head, levels + 1); break;
            default: Simple(head); break;
        }
    }

    private void Array(in CborHead head, int levels)
    {
        if (levels > MaxLevels) throw TooDeep();
        _output.Json.WriteStartArray();
        for (var left = _cbor.Items(head, bytesEach: 1); _cbor.HasNext(ref left);) Item(levels);
        _output.Json.WriteEndArray();
    }

    private void Map(in CborHead head, int levels)
    {
        if (levels > MaxLevels) throw TooDeep();
        _output.Json.WriteStartObject();
        for (var left = _cbor.Items(head, bytesEach: 2); _cbor.HasNext(ref left);)
        {
            var key = _cbor.ReadHead();
            if (key.Major != CborMajor.Text) throw Unsupported("a key that is no text");
            _output.Json.WritePropertyName(_cbor.ReadText(key));
            Item(levels);
        }

        _output.Json.WriteEndObject();
    }

    private void Negative(ulong argument)
    {
        if (argument <= long.MaxValue) _output.Json.WriteNumberValue(-1 - (long)argument);
        else Digits(BigInteger.MinusOne - argument);
    }

    private void Digits(BigInteger number) =>
        _output.Json.WriteRawValue(Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), skipInputValidation: true);

    private void Simple(in CborHead head)
    {
        switch (head.Info)
        {
            case 20 or 21: _output.Json.WriteBooleanValue(head.Info == 21); break;
            case 22 or 23: _output.Json.WriteNullValue(); break;
            case 25: _output.Write(BitConverter.UInt16BitsToHalf((ushort)head.Argument)); break;
            case 26: _output.Write(BitConverter.UInt32BitsToSingle((uint)head.Argument)); break;
            case 27: _output.Write(BitConverter.UInt64BitsToDouble(head.Argument)); break;
            case CborHead.Indefinite: throw CborReader.Malformed("a break where none can be");
            case 24 when head.Argument < 32: throw CborReader.Malformed("a simple value in two bytes that has one"); // RFC 8949 3.3
            default: throw Unsupported($"the simple value {head.Argument}");
        }
    }

    private void Tagged(ulong tag)
    {
        var content = _cbor.ReadHead();
        switch (tag)
        {
            case 0: _output.Json.WriteStringValue(EpochText.Of(TimeOfText(content))); break;
            case 1: _output.Json.WriteStringValue(EpochText.Of(TimeOfSeconds(content))); break;
            case 2: Digits(Bignum(content)); break;
            case 3: Digits(BigInteger.MinusOne - Bignum(content)); break;
            default: DecimalFraction(content); break;
        }
    }

    private DateTimeOffset TimeOfText(in CborHead content) =>
        content.Major == CborMajor.Text && EpochText.TryParse(_cbor.ReadText(content), out var time)
            ? time
            : throw new PayloadProblem(PayloadCodes.BadTime, "a time of tag 0 must be an RFC 3339 date-time with zone from 1970 on");

    /// <summary>To the microsecond, which a double can tell for some centuries.</summary>
    private static DateTimeOffset TimeOfSeconds(in CborHead content)
    {
        var seconds = content switch
        {
            { Major: CborMajor.Unsigned } => content.Argument,
            { Major: CborMajor.Simple, Info: 25 } => (double)BitConverter.UInt16BitsToHalf((ushort)content.Argument),
            { Major: CborMajor.Simple, Info: 26 } => BitConverter.UInt32BitsToSingle((uint)content.Argument),
            { Major: CborMajor.Simple, Info: 27 } => BitConverter.UInt64BitsToDouble(content.Argument),
            _ => double.NaN,
        };
        if (seconds is not (>= 0 and < EpochText.MaxMilliseconds / 1_000)) throw new PayloadProblem(PayloadCodes.BadTime, "a time of tag 1 must be seconds from 1970 to 9999");
        return EpochTime.FromMicroseconds((long)Math.Round(seconds * 1e6));
    }

    private BigInteger Bignum(in CborHead content)
    {
        if (content.Major != CborMajor.Bytes) throw CborReader.Malformed("a big number that is no byte string");
        var bytes = _cbor.ReadString(content).TrimStart((byte)0);
        if (bytes.Length > MaxBignumBytes) throw new PayloadProblem(PayloadCodes.BadNumber, $"a big number has at most {MaxBignumBytes} bytes");
        return new BigInteger(bytes, isUnsigned: true, isBigEndian: true);
    }

    /// <summary>RFC 8949 3.4.4: an array of exponent and mantissa.</summary>
    private void DecimalFraction(in CborHead content)
    {
        if (content is not { Major: CborMajor.Array, Argument: 2, Info: not CborHead.Indefinite }) throw CborReader.Malformed("a decimal fraction that is no array of two");
        var exponent = Integer(_cbor.ReadHead());
        var mantissa = Integer(_cbor.ReadHead());
        if (BigInteger.Abs(exponent) > MaxExponent) throw new PayloadProblem(PayloadCodes.BadNumber, $"the exponent of a decimal fraction is at most {MaxExponent}");
        var text = string.Create(CultureInfo.InvariantCulture, $"{mantissa}e{exponent}");
        _output.Json.WriteRawValue(Encoding.ASCII.GetBytes(text), skipInputValidation: true);
    }

    private BigInteger Integer(in CborHead head) => head switch
    {
        { Major: CborMajor.Unsigned } => head.Argument,
        { Major: CborMajor.Negative } => BigInteger.MinusOne - head.Argument,
        { Major: CborMajor.Tag, Argument: 2 } => Bignum(_cbor.ReadHead()),
        { Major: CborMajor.Tag, Argument: 3 } => BigInteger.MinusOne - Bignum(_cbor.ReadHead()),
        _ => throw CborReader.Malformed("a decimal fraction of what is no integer"),
    };

    private static PayloadProblem Unsupported(string what) => new(PayloadCodes.Unsupported, $"the CBOR holds {what}");

    private static PayloadProblem TooDeep() => new(PayloadCodes.TooDeep, $"maps, arrays and tags are more than {PayloadLimits.MaxDepth} deep");
}
