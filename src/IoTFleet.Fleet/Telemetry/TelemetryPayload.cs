using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;

namespace IoTFleet.Fleet.Telemetry;

/// <summary>
/// What a device may send as telemetry: one JSON object in UTF-8, at most 32 levels deep. Its own <c>ts</c>, milliseconds since 1970
/// or an RFC 3339 date-time with zone, is the message's time; without one it is the time of arrival. Everything else is kept as it is.
/// </summary>
public static class TelemetryPayload
{
    public const int MaxDepth = 32;

    private const long MaxMilliseconds = 253_402_300_799_999; // the end of the year 9999
    private const int ShortestDateTime = 20; // 2026-01-01T00:00:00Z
    private const string BadTime = "\"ts\" must be milliseconds since 1970 or an RFC 3339 date-time with zone, such as 2026-01-31T12:00:00Z";

    public static bool TryRead(
        string deviceId, string stream, ReadOnlyMemory<byte> body, DateTimeOffset receivedAt, long? sequence,
        [NotNullWhen(true)] out TelemetryPoint? point, [NotNullWhen(false)] out string? problem)
    {
        point = null;
        problem = FindProblem(body.Span, out var time);
        if (problem is not null) return false;
        point = new TelemetryPoint(deviceId, stream, body, time ?? receivedAt, receivedAt, sequence);
        return true;
    }

    private static string? FindProblem(ReadOnlySpan<byte> body, out DateTimeOffset? time)
    {
        time = null;
        if (!Utf8.IsValid(body)) return "the payload is not valid UTF-8";
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return "the payload is not a JSON object";
            while (reader.Read())
            {
                if (reader.CurrentDepth != 1 || reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals("ts"u8)) continue;
                reader.Read();
                if (!TryReadTime(ref reader, out time)) return BadTime;
            }
            return null;
        }
        catch (JsonException error) // Written by the peer, so expected.
        {
            return $"the payload is not valid JSON at byte {error.BytePositionInLine} of line {error.LineNumber + 1}";
        }
    }

    private static bool TryReadTime(ref Utf8JsonReader reader, out DateTimeOffset? time)
    {
        time = null;
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var milliseconds) && milliseconds is >= 0 and <= MaxMilliseconds)
            time = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
        else if (reader.TokenType == JsonTokenType.String && HasZone(reader.ValueSpan) && reader.TryGetDateTimeOffset(out var dateTime))
            time = dateTime;
        return time is not null;
    }

    /// <summary>Without one the reader would take the server's own zone.</summary>
    private static bool HasZone(ReadOnlySpan<byte> text) =>
        text.Length >= ShortestDateTime && (text[^1] == 'Z' || text[^6] is (byte)'+' or (byte)'-');
}
