using System.Text.Json;

namespace IoTFleet.Fleet.Twins;

/// <summary>
/// The way back from a desired document to earlier versions: a list of <c>{"version":N,"back":patch}</c>, newest first, each patch leading from the version above
/// to N. From it comes one exact patch over all that a device has missed. Merge patches cannot be added up without the documents: <c>{"a":null}</c> and then
/// <c>{"a":{"b":1}}</c> is no merge patch.
/// </summary>
internal static class DesiredHistory
{
    public const string None = "[]";

    /// <summary>Versions that can be gone back, at most; a device that was away for longer gets the whole document.</summary>
    public const int MaxVersions = 32;
    public const int MaxBytes = 16 * 1024;

    public static string Push(string history, long version, string back)
    {
        using var earlier = JsonDocument.Parse(history);
        var newest = MergePatch.Text(output =>
        {
            output.WriteStartObject();
            output.WriteNumber("version", version);
            output.WritePropertyName("back");
            output.WriteRawValue(back, skipInputValidation: true);
            output.WriteEndObject();
        });
        var kept = new List<string>();
        var room = MaxBytes;
        foreach (var entry in earlier.RootElement.EnumerateArray().Select(entry => entry.GetRawText()).Prepend(newest))
        {
            room -= entry.Length;
            if (room < 0 || kept.Count == MaxVersions) break;
            kept.Add(entry);
        }
        return $"[{string.Join(',', kept)}]";
    }

    /// <summary>The document as it was at a version; null when the way does not lead back so far.</summary>
    public static string? DocumentAt(DeviceTwin twin, long version)
    {
        if (version == twin.DesiredVersion) return twin.Desired;
        using var history = JsonDocument.Parse(twin.History);
        var document = twin.Desired;
        foreach (var entry in history.RootElement.EnumerateArray())
        {
            document = MergePatch.Apply(document, entry.GetProperty("back"));
            if (entry.GetProperty("version").GetInt64() == version) return document;
        }
        return null;
    }
}
