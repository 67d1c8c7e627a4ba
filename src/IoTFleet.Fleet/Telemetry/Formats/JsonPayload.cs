using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>
/// One JSON object, or an array of them, in UTF-8: checked in one pass over the bytes, and kept as it came. What passes can be read by
/// <see cref="ValueReader"/> to the end, has each flattened name once, and is taken by every database.
/// </summary>
internal ref struct JsonPayload
{
    private const int MaxNestedTokens = PayloadLimits.MaxDepth + 2; // of the reader: an array around the reading, and one to say "too deep" ourselves
    private const int LongestEscape = 6; // \u0061

    private readonly ReadOnlyMemory<byte> _body;
    private readonly DateTimeOffset _receivedAt;
    private Utf8JsonReader _json;
    private NameSet _names;
    private NameBuffer _name;
    private NameLengths _lengths;
    private int _element = -1;

    private JsonPayload(ReadOnlyMemory<byte> body, DateTimeOffset receivedAt, Span<ulong> slots)
    {
        (_body, _receivedAt) = (body, receivedAt);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = MaxNestedTokens });
        _names = new NameSet(slots);
    }

    /// <param name="body">Not copied: the readings are parts of it.</param>
    /// <param name="receivedAt">The time of readings without a time.</param>
    /// <param name="sequence">The field <c>seq</c> of a single object. Those of a batch's elements number the readings, not the message.</param>
    /// <exception cref="PayloadProblem">It is not that.</exception>
    public static Reading[] Read(ReadOnlyMemory<byte> body, DateTimeOffset receivedAt, out long? sequence)
    {
        if (!Utf8.IsValid(body.Span)) throw new PayloadProblem(PayloadCodes.NotUtf8, "the payload is not valid UTF-8");
        Span<ulong> slots = stackalloc ulong[NameSet.InitialSlots];
        var payload = new JsonPayload(body, receivedAt, slots);
        try
        {
            return payload.Read(out sequence);
        }
        catch (JsonException error) // Written by the peer, so expected.
        {
            throw new PayloadProblem(PayloadCodes.NotJson, $"the payload is not valid JSON at byte {error.BytePositionInLine} of line {error.LineNumber + 1}");
        }
        finally
        {
            payload._names.Dispose();
        }
    }

    private Reading[] Read(out long? sequence)
    {
        sequence = null;
        _json.Read();
        Reading[] readings = _json.TokenType switch
        {
            JsonTokenType.StartObject => [ReadObject(out sequence)],
            JsonTokenType.StartArray => ReadBatch(),
            _ => throw Problem(PayloadCodes.NotObject, "the payload is neither a JSON object nor an array of them"),
        };
        _json.Read(); // throws when there is more
        return readings;
    }

    private Reading[] ReadBatch()
    {
        var readings = new List<Reading>();
        while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
        {
            _element++;
            if (_element == PayloadLimits.MaxReadings) throw Problem(PayloadCodes.TooManyReadings, $"one message has at most {PayloadLimits.MaxReadings} readings");
            if (_json.TokenType != JsonTokenType.StartObject) throw Problem(PayloadCodes.NotObject, "each reading must be a JSON object");
            readings.Add(ReadObject(out _));
        }

        return readings.Count > 0 ? [.. readings] : throw Problem(PayloadCodes.Empty, "an array without readings");
    }

    private Reading ReadObject(out long? sequence)
    {
        var (start, floor) = ((int)_json.TokenStartIndex, _json.CurrentDepth);
        DateTimeOffset? time = null;
        sequence = null;
        _names.Clear();
        while (_json.Read() && (_json.TokenType != JsonTokenType.EndObject || _json.CurrentDepth > floor))
        {
            if (_json.TokenType == JsonTokenType.EndObject) continue;
            var level = _json.CurrentDepth - floor;
            var name = TakeName(level);
            var (isTime, isSequence) = level == 1 ? (name.SequenceEqual("ts"u8), name.SequenceEqual("seq"u8)) : (false, false);
            _json.Read();
            if (isTime) time = ReadTime();
            else if (isSequence) sequence = ReadSequence();
            else CheckValue(level, floor, name);
        }

        return new Reading(time ?? _receivedAt, time is not null, _body[start..(int)_json.BytesConsumed]);
    }

    /// <summary>The flattened name: at the top the bytes where they are, below it put together in the buffer.</summary>
    [UnscopedRef]
    private ReadOnlySpan<byte> TakeName(int level)
    {
        var name = level == 1 && !_json.ValueIsEscaped ? _json.ValueSpan : Assemble(level == 1 ? 0 : _lengths[level - 1], level);
        if (name.Length > ValueReader.MaxNameBytes) throw NameTooLong();
        if (!_names.Add(name)) throw Problem(PayloadCodes.DuplicateName, $"the name {ForPeople(name)} is there twice");
        if (_names.Count > PayloadLimits.MaxValues) throw Problem(PayloadCodes.TooManyValues, $"one reading has at most {PayloadLimits.MaxValues} names");
        _lengths[level] = name.Length;
        return name;
    }

    [UnscopedRef]
    private ReadOnlySpan<byte> Assemble(int prefix, int level)
    {
        if (_json.ValueIsEscaped) CheckText();
        if (_json.ValueSpan.Length > LongestEscape * ValueReader.MaxNameBytes) throw NameTooLong();
        Span<byte> own = stackalloc byte[LongestEscape * ValueReader.MaxNameBytes];
        own = own[.._json.CopyString(own)];

        Span<byte> buffer = _name;
        if (level > 1)
        {
            if (prefix < buffer.Length) buffer[prefix] = (byte)'.';
            prefix++;
        }

        if (prefix + own.Length > buffer.Length) throw NameTooLong();
        own.CopyTo(buffer[prefix..]);
        return buffer[..(prefix + own.Length)];
    }

    private void CheckValue(int level, int floor, scoped ReadOnlySpan<byte> name)
    {
        switch (_json.TokenType)
        {
            case JsonTokenType.String when _json.ValueIsEscaped: CheckText(); break;
            case JsonTokenType.Number: CheckNumber(); break;
            case JsonTokenType.StartObject or JsonTokenType.StartArray when level >= PayloadLimits.MaxDepth: throw TooDeep();
            case JsonTokenType.StartObject: name.CopyTo(_name); break; // for the names inside
            case JsonTokenType.StartArray: PassArray(floor); break;
        }
    }

    /// <summary>Arrays are no metrics; they are only kept.</summary>
    private void PassArray(int floor)
    {
        var depth = _json.CurrentDepth;
        while (_json.Read() && (_json.TokenType != JsonTokenType.EndArray || _json.CurrentDepth > depth))
        {
            if (_json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && _json.CurrentDepth - floor >= PayloadLimits.MaxDepth) throw TooDeep();
            if (_json.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && _json.ValueIsEscaped) CheckText();
            if (_json.TokenType == JsonTokenType.Number) CheckNumber();
        }
    }

    /// <summary>Grammar lets a half of a surrogate pair and U+0000 pass as escapes; neither is text everywhere (RFC 8259 8.2).</summary>
    private readonly void CheckText()
    {
        var text = _json.ValueSpan;
        for (var at = text.IndexOf((byte)'\\'); at >= 0; at = text.IndexOf((byte)'\\'))
        {
            text = text[(at + 1)..];
            var escape = text[0];
            text = text[1..];
            if (escape != 'u') continue;
            var unit = Unit(text);
            text = text[4..];
            if (unit == 0) throw Problem(PayloadCodes.BadText, "a text holds U+0000");
            if (!char.IsSurrogate((char)unit)) continue;
            if (!char.IsHighSurrogate((char)unit) || !text.StartsWith("\\u"u8) || !char.IsLowSurrogate((char)Unit(text[2..])))
                throw Problem(PayloadCodes.BadText, "a text holds half a surrogate pair");
            text = text[6..];
        }
    }

    /// <summary>Four hexadecimal digits: the reader has seen to that.</summary>
    private static int Unit(ReadOnlySpan<byte> digits) =>
        (HexDigit(digits[0]) << 12) | (HexDigit(digits[1]) << 8) | (HexDigit(digits[2]) << 4) | HexDigit(digits[3]);

    private static int HexDigit(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    /// <summary>Without exponent and shorter than the largest number it cannot be too large, and is not looked at.</summary>
    private void CheckNumber()
    {
        var digits = _json.ValueSpan;
        if (digits.Length <= 308 && digits.IndexOfAny((byte)'e', (byte)'E') < 0) return;
        if (!_json.TryGetDouble(out var number) || !double.IsFinite(number)) throw Problem(PayloadCodes.BadNumber, "a number is larger than 1.8e308");
    }

    private DateTimeOffset ReadTime()
    {
        switch (_json.TokenType)
        {
            case JsonTokenType.Number when _json.TryGetInt64(out var milliseconds) && milliseconds is >= 0 and <= EpochText.MaxMilliseconds:
                return DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
            case JsonTokenType.String when !_json.ValueIsEscaped && EpochText.TryParse(_json.ValueSpan, out var time):
                return time;
            default:
                throw Problem(PayloadCodes.BadTime, $"\"ts\" {EpochText.Expected}");
        }
    }

    private long ReadSequence() => _json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var sequence) && sequence >= 0
        ? sequence
        : throw Problem(PayloadCodes.BadSequence, "\"seq\" must be an integer from 0 to 9223372036854775807");

    private readonly PayloadProblem TooDeep() => Problem(PayloadCodes.TooDeep, $"objects and arrays are more than {PayloadLimits.MaxDepth} deep");

    private readonly PayloadProblem NameTooLong() => Problem(PayloadCodes.NameTooLong, $"a name, with those around it, has at most {ValueReader.MaxNameBytes} bytes");

    private readonly PayloadProblem Problem(string code, string detail) => new(code, _element < 0 ? detail : $"reading {_element} of the array: {detail}");

    private static string ForPeople(ReadOnlySpan<byte> name) => JsonEncodedText.Encode(Encoding.UTF8.GetString(name[..Math.Min(name.Length, 80)])).ToString();
}
