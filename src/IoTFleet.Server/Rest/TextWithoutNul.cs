using System.Text.Json;
using System.Text.Json.Serialization;

namespace IoTFleet.Server.Rest;

/// <summary>Refuses U+0000, which means nothing in a text and which PostgreSQL cannot store: whoever enters it is told so, on every database.</summary>
internal sealed class TextWithoutNul : JsonConverter<string>
{
    private const string Said = "U+0000 cannot be part of a text";

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Checked(reader.GetString());

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Checked(reader.GetString())!;

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);

    /// <summary>The same for what is asked in an address; paths are refused by Kestrel.</summary>
    public static Task CheckQueryAsync(HttpContext context, RequestDelegate next) =>
        context.Request.QueryString.Value?.Contains("%00", StringComparison.Ordinal) == true ? throw new TextRefusedException($"{Said} of a query.") : next(context);

    private static string? Checked(string? text) => text?.Contains('\0') == true ? throw new TextRefusedException($"{Said}; '{text.Replace("\0", "\\u0000", StringComparison.Ordinal)}' holds it.") : text;
}

/// <summary>Not a JsonException, of which a caller is told only that the body cannot be read.</summary>
internal sealed class TextRefusedException(string message) : Exception(message);
