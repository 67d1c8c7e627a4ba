using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace IoTFleet.Device.Twins;

/// <summary>JSON Merge Patch (RFC 7396), over texts that have been checked. The server has its own: an SDK cannot reference the server's projects.</summary>
internal static class MergePatch
{
    public const string Nothing = "{}";

    private static readonly JsonWriterOptions AsMeant = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The target with the patch applied.</summary>
    public static string Apply(string target, JsonElement patch)
    {
        using var document = JsonDocument.Parse(target);
        return Text(output => Apply(document.RootElement, patch, output));
    }

    /// <summary>The patch that makes the second object of the first; <c>{}</c> when they say the same.</summary>
    public static string Between(string from, string to)
    {
        using var before = JsonDocument.Parse(from);
        using var after = JsonDocument.Parse(to);
        return Text(output => Between(before.RootElement, after.RootElement, output));
    }

    /// <summary>
    /// One patch that does what the two do one after the other. There is none where the first puts something else than an object, or nothing, and the second an
    /// object: a patch can change an object, not put one in the place of another.
    /// </summary>
    public static bool TryCombine(string first, string second, [NotNullWhen(true)] out string? both)
    {
        using var one = JsonDocument.Parse(first);
        using var other = JsonDocument.Parse(second);
        both = CanCombine(one.RootElement, other.RootElement) ? Text(output => Combine(one.RootElement, other.RootElement, output)) : null;
        return both is not null;
    }

    public static string Text(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var output = new Utf8JsonWriter(bytes, AsMeant))
            write(output);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    public static JsonElement Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    // RFC 7396 2, with the result written instead of the target changed.
    private static void Apply(JsonElement target, JsonElement patch, Utf8JsonWriter output)
    {
        if (!IsObject(patch))
        {
            patch.WriteTo(output);
            return;
        }

        output.WriteStartObject();
        foreach (var (name, before, change) in Members(target, patch))
        {
            if (change.ValueKind == JsonValueKind.Null)
                continue;
            output.WritePropertyName(name);
            if (change.ValueKind == JsonValueKind.Undefined)
                before.WriteTo(output);
            else
                Apply(before, change, output);
        }

        output.WriteEndObject();
    }

    private static void Between(JsonElement from, JsonElement to, Utf8JsonWriter output)
    {
        output.WriteStartObject();
        foreach (var (name, before, after) in Members(from, to))
        {
            if (after.ValueKind == JsonValueKind.Undefined)
            {
                output.WriteNull(name);
                continue;
            }

            if (before.ValueKind != JsonValueKind.Undefined && JsonElement.DeepEquals(before, after))
                continue;
            output.WritePropertyName(name);
            if (IsObject(before) && IsObject(after))
                Between(before, after, output);
            else
                after.WriteTo(output);
        }

        output.WriteEndObject();
    }

    private static bool CanCombine(JsonElement first, JsonElement second) => Members(first, second).All(member =>
        !IsObject(member.After) || member.Before.ValueKind == JsonValueKind.Undefined || (IsObject(member.Before) && CanCombine(member.Before, member.After)));

    private static void Combine(JsonElement first, JsonElement second, Utf8JsonWriter output)
    {
        output.WriteStartObject();
        foreach (var (name, before, after) in Members(first, second))
        {
            output.WritePropertyName(name);
            if (after.ValueKind == JsonValueKind.Undefined)
                before.WriteTo(output);
            else if (IsObject(before) && IsObject(after))
                Combine(before, after, output);
            else
                after.WriteTo(output);
        }

        output.WriteEndObject();
    }

    // Each name of the two, with what it has in each; Undefined where it is not. What is no object has no names.
    private static IEnumerable<(string Name, JsonElement Before, JsonElement After)> Members(JsonElement before, JsonElement after)
    {
        if (IsObject(before))
        {
            foreach (var member in before.EnumerateObject())
                yield return (member.Name, member.Value, after.TryGetProperty(member.Name, out var other) ? other : default);
        }

        foreach (var member in after.EnumerateObject())
        {
            if (!IsObject(before) || !before.TryGetProperty(member.Name, out _))
                yield return (member.Name, default, member.Value);
        }
    }

    private static bool IsObject(JsonElement value) => value.ValueKind == JsonValueKind.Object;
}
