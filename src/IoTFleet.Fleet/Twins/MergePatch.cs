using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace IoTFleet.Fleet.Twins;

/// <summary>JSON Merge Patch (RFC 7396), over texts that have been checked. Numbers keep their digits.</summary>
internal static class MergePatch
{
    // Texts are kept as they are meant, not as HTML would want them; the writer is given nothing that was not JSON before.
    private static readonly JsonWriterOptions AsMeant = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The target with the patch applied, written without spaces.</summary>
    public static string Apply(string target, JsonElement patch)
    {
        using var document = JsonDocument.Parse(target);
        return Text(output => Apply(document.RootElement, patch, output));
    }

    public static string Apply(string target, string patch)
    {
        using var document = JsonDocument.Parse(patch);
        return Apply(target, document.RootElement);
    }

    /// <summary>The patch that makes the second object of the first; <c>{}</c> when they say the same. Exact where no object has a member that is null.</summary>
    public static string Between(string from, string to)
    {
        using var before = JsonDocument.Parse(from);
        using var after = JsonDocument.Parse(to);
        return Text(output => Between(before.RootElement, after.RootElement, output));
    }

    public static string Text(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var output = new Utf8JsonWriter(bytes, AsMeant)) write(output);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    // RFC 7396 2, with the result written instead of the target changed.
    private static void Apply(JsonElement? target, JsonElement patch, Utf8JsonWriter output)
    {
        if (patch.ValueKind != JsonValueKind.Object)
        {
            patch.WriteTo(output);
            return;
        }
        var before = target is { ValueKind: JsonValueKind.Object } found ? found : default;
        output.WriteStartObject();
        if (before.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in before.EnumerateObject())
            {
                if (!patch.TryGetProperty(member.Name, out var change)) member.WriteTo(output);
                else if (change.ValueKind != JsonValueKind.Null) Apply(member.Name, member.Value, change, output);
            }
        }
        foreach (var added in patch.EnumerateObject())
        {
            if (added.Value.ValueKind == JsonValueKind.Null) continue;
            if (before.ValueKind != JsonValueKind.Object || !before.TryGetProperty(added.Name, out _)) Apply(added.Name, null, added.Value, output);
        }
        output.WriteEndObject();
    }

    private static void Apply(string name, JsonElement? target, JsonElement patch, Utf8JsonWriter output)
    {
        output.WritePropertyName(name);
        Apply(target, patch, output);
    }

    private static void Between(JsonElement from, JsonElement to, Utf8JsonWriter output)
    {
        output.WriteStartObject();
        foreach (var gone in from.EnumerateObject())
        {
            if (!to.TryGetProperty(gone.Name, out _)) output.WriteNull(gone.Name);
        }
        foreach (var member in to.EnumerateObject())
        {
            var known = from.TryGetProperty(member.Name, out var before);
            if (known && JsonElement.DeepEquals(before, member.Value)) continue;
            output.WritePropertyName(member.Name);
            if (known && before.ValueKind == JsonValueKind.Object && member.Value.ValueKind == JsonValueKind.Object) Between(before, member.Value, output);
            else member.Value.WriteTo(output);
        }
        output.WriteEndObject();
    }
}
