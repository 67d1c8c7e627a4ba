using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>
/// What other formats become: compact JSON that <see cref="JsonPayload"/> then reads as if it had come so. Each thread keeps one to use again;
/// it goes back when it is disposed.
/// </summary>
internal sealed class JsonOutput : IDisposable
{
    private const int LargestKept = 65_536;
    /// <summary>Structure is checked by who writes, and by who reads it afterwards.</summary>
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly ArrayBufferWriter<byte> _bytes = new();

    [ThreadStatic]
    private static JsonOutput? _spare;

    private JsonOutput() => Json = new Utf8JsonWriter(_bytes, Compact);

    public Utf8JsonWriter Json { get; }

    public static JsonOutput Rent()
    {
        var output = _spare ?? new JsonOutput();
        _spare = null;
        return output;
    }

    /// <summary>What is not finite is no value.</summary>
    public void Write(double value)
    {
        if (double.IsFinite(value)) Json.WriteNumberValue(value);
        else Json.WriteNullValue();
    }

    /// <summary>A whole number as it is; else the shortest decimal that is the same number again in its own width: 0.1 of 32 bits is 0.1.</summary>
    public void Write(float value)
    {
        if (IsWhole(value)) Json.WriteNumberValue((long)value);
        else if (float.IsFinite(value)) Json.WriteNumberValue(value);
        else Json.WriteNullValue();
    }

    public void Write(Half value)
    {
        Span<byte> digits = stackalloc byte[32];
        if (IsWhole((double)value)) Json.WriteNumberValue((long)value);
        else if (Half.IsFinite(value) && value.TryFormat(digits, out var length, "R", CultureInfo.InvariantCulture)) Json.WriteRawValue(digits[..length], skipInputValidation: true);
        else Json.WriteNullValue();
    }

    public ReadOnlyMemory<byte> End()
    {
        Json.Flush();
        return _bytes.WrittenSpan.ToArray();
    }

    public void Dispose()
    {
        Json.Reset(); // also of what a refusal left half written
        _bytes.ResetWrittenCount();
        if (_bytes.Capacity <= LargestKept) _spare = this;
    }

    /// <summary>Not -0, whose sign would be lost, and none that no 64 bits hold.</summary>
    private static bool IsWhole(double value) => value != 0 && Math.Abs(value) < 1L << 53 && Math.Truncate(value) == value;
}
