using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;

namespace IoTFleet.Mqtt.Wire;

/// <summary>
/// The standard's rules for text: well-formed UTF-8, no U+0000, at most 65,535 bytes (MQTT 5.0, 1.5.4). A byte order mark is a character like any
/// other [MQTT-1.5.4-3].
/// </summary>
internal static class Utf8Text
{
    // Throws on a lone surrogate, where Encoding.UTF8 would silently send U+FFFD.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static bool IsValid(ReadOnlySpan<byte> utf8) => Utf8.IsValid(utf8) && !utf8.Contains((byte)0); // [MQTT-1.5.4-1] [MQTT-1.5.4-2]

    public static bool IsEncodable(string text) => !text.Contains('\0') && HasPairedSurrogates(text) && Strict.GetByteCount(text) <= ushort.MaxValue;

    public static bool TryEncode(string text, [NotNullWhen(true)] out byte[]? utf8)
    {
        utf8 = IsEncodable(text) ? Strict.GetBytes(text) : null;
        return utf8 is not null;
    }

    private static bool HasPairedSurrogates(ReadOnlySpan<char> text)
    {
        var first = text.IndexOfAnyInRange('\uD800', '\uDFFF');
        if (first < 0) return true;
        for (var rest = text[first..]; !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var used) != System.Buffers.OperationStatus.Done) return false;
            rest = rest[used..];
        }

        return true;
    }
}
