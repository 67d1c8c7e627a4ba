using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace IoTFleet.Fleet.Telemetry.Formats;

public enum MetricKind : byte { Number, Boolean, Text }

/// <summary>
/// Goes through the flattened values of a stored JSON object without allocating: nested objects become dotted names, and <c>ts</c> and <c>seq</c>
/// at the top are not metrics. What is null, an array, or has a name longer than <see cref="MaxNameBytes"/> is left out.
/// </summary>
public ref struct ValueReader
{
    /// <summary>Of a flattened name; <see cref="PayloadReader"/> refuses longer ones.</summary>
    public const int MaxNameBytes = 256;

    private const int MaxDepth = NameLengths.Levels - 1;

    private Utf8JsonReader _json;
    private ReadOnlySpan<byte> _direct;
    private NameBuffer _buffer;
    private NameLengths _prefixes;
    private int _length;

    public ValueReader(ReadOnlySpan<byte> json) => _json = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });

    /// <summary>The flattened name, in UTF-8 and without escapes; until the next <see cref="Read"/>.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Name => _length < 0 ? _direct : ((ReadOnlySpan<byte>)_buffer)[.._length];

    public MetricKind Kind { get; private set; }

    /// <summary>Of a boolean 0 or 1, of a text not a number.</summary>
    public double Number => _json.TokenType switch
    {
        JsonTokenType.Number => _json.GetDouble(),
        JsonTokenType.True => 1,
        JsonTokenType.False => 0,
        _ => double.NaN,
    };

    /// <summary>Of a number or boolean: as it stands in the object, with its own digits.</summary>
    public readonly ReadOnlySpan<byte> Raw => _json.ValueSpan;

    /// <summary>The value of a text.</summary>
    public string Text() => _json.GetString() ?? "";

    /// <exception cref="JsonException">It is no JSON.</exception>
    public bool Read()
    {
        while (_json.Read())
        {
            if (_json.TokenType != JsonTokenType.PropertyName) continue;
            var named = TryName();
            _json.Read();
            if (named && IsValue()) return true;
            if (_json.TokenType == JsonTokenType.StartArray || !named) _json.Skip();
            else if (_json.TokenType == JsonTokenType.StartObject) Enter();
        }

        return false;
    }

    private bool IsValue()
    {
        switch (_json.TokenType)
        {
            case JsonTokenType.Number: Kind = MetricKind.Number; return true;
            case JsonTokenType.String: Kind = MetricKind.Text; return true;
            case JsonTokenType.True or JsonTokenType.False: Kind = MetricKind.Boolean; return true;
            default: return false;
        }
    }

    /// <summary>A top-level name without escapes is read where it stands; any other is put together in the buffer.</summary>
    private bool TryName()
    {
        var depth = _json.CurrentDepth;
        if (depth == 1 && !_json.ValueIsEscaped)
        {
            _direct = _json.ValueSpan;
            _length = -1;
            return _direct.Length <= MaxNameBytes && !_direct.SequenceEqual("ts"u8) && !_direct.SequenceEqual("seq"u8);
        }

        Span<byte> buffer = _buffer;
        var start = depth == 1 ? 0 : _prefixes[depth - 1];
        if (start + _json.ValueSpan.Length > MaxNameBytes && !_json.ValueIsEscaped) return false;
        if (start + _json.ValueSpan.Length > MaxNameBytes) return TryLongEscaped(start);
        _length = start + _json.CopyString(buffer[start..]);
        return depth > 1 || !(Name.SequenceEqual("ts"u8) || Name.SequenceEqual("seq"u8));
    }

    /// <summary>Escaped it may be six times as long as it is.</summary>
    private bool TryLongEscaped(int start)
    {
        if (_json.ValueSpan.Length > 6 * MaxNameBytes) return false;
        Span<byte> name = stackalloc byte[6 * MaxNameBytes];
        name = name[.._json.CopyString(name)];
        if (start + name.Length > MaxNameBytes) return false;
        name.CopyTo(((Span<byte>)_buffer)[start..]);
        _length = start + name.Length;
        return _json.CurrentDepth > 1 || !(Name.SequenceEqual("ts"u8) || Name.SequenceEqual("seq"u8));
    }

    /// <summary>The names of the object that begins here are behind its own and a dot.</summary>
    private void Enter()
    {
        Span<byte> buffer = _buffer;
        if (_length < 0)
        {
            _direct.CopyTo(buffer);
            _length = _direct.Length;
        }

        if (_length < MaxNameBytes) buffer[_length] = (byte)'.';
        _prefixes[_json.CurrentDepth] = _length + 1;
    }
}
