using System.Buffers;
using System.Text.Json;

namespace IoTFleet.Device;

/// <summary>What a device says to a command.</summary>
/// <param name="Status">100 to 599, in HTTP's sense: 2xx done, 4xx refused, 5xx failed.</param>
/// <param name="Json">One JSON value in UTF-8, at most 65,000 bytes; empty for none.</param>
public sealed record CommandAnswer(int Status, ReadOnlyMemory<byte> Json = default)
{
    private const int MaxJson = 65_000;

    /// <summary>200: done, and nothing more to say.</summary>
    public static CommandAnswer Done { get; } = new(200);

    /// <summary>404: this device knows no such command.</summary>
    public static CommandAnswer UnknownCommand { get; } = WithText(404, "This device knows no such command.");

    /// <summary>A status and a sentence for people, as a JSON string.</summary>
    public static CommandAnswer WithText(int status, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new CommandAnswer(status, JsonEncodedText.Encode(text) is { EncodedUtf8Bytes: var encoded } ? (byte[])[(byte)'"', .. encoded, (byte)'"'] : default);
    }

    /// <exception cref="ArgumentException">The status is out of range, the payload not JSON or too long.</exception>
    internal byte[] ToWire()
    {
        if (Status is < 100 or > 599)
            throw new ArgumentException($"An answer's status is 100 to 599, not {Status}.");
        if (Json.Length > MaxJson)
            throw new ArgumentException($"An answer's payload has at most {MaxJson} bytes, and this one has {Json.Length}.");
        var buffer = new ArrayBufferWriter<byte>(32 + Json.Length);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = false }))
        {
            writer.WriteStartObject();
            writer.WriteNumber("status"u8, Status);
            if (!Json.IsEmpty)
                WritePayload(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private void WritePayload(Utf8JsonWriter writer)
    {
        writer.WritePropertyName("payload"u8);
        try
        {
            writer.WriteRawValue(Json.Span);
        }
        catch (JsonException error)
        {
            throw new ArgumentException($"An answer's payload is not JSON: {error.Message}", error);
        }
    }
}
