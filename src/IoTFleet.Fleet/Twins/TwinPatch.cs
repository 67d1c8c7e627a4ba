using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;

namespace IoTFleet.Fleet.Twins;

/// <summary>Why a patch or a document is not taken: a reason of docs/reasons.md, and what is wrong in words.</summary>
public sealed record TwinProblem(string Code, string Detail);

/// <summary>A merge patch that was looked at: one JSON object, names and depth within the limits, no name twice.</summary>
public sealed class TwinPatch
{
    /// <summary>Of a patch as it comes, and of a document as it is stored.</summary>
    public const int MaxBytes = 32 * 1024;
    public const int MaxDepth = 10;

    /// <summary>Names in one document or patch, at all depths.</summary>
    public const int MaxNames = 1_000;
    public const int MaxNameBytes = 128;

    /// <summary>Versions are numbers that JSON's users can hold exactly.</summary>
    public const long MaxVersion = 1L << 53;
    internal const string VersionName = "$version";

    private TwinPatch(JsonElement changes, long? applied) => (Changes, Applied) = (changes, applied);

    /// <summary>Without <c>$version</c>.</summary>
    internal JsonElement Changes { get; }

    /// <summary>The desired version that a device says it has applied.</summary>
    internal long? Applied { get; }

    /// <summary>The names at the top, for a line that tells what was changed and not to what.</summary>
    internal string Names => string.Join(", ", Changes.EnumerateObject().Select(member => member.Name));

    /// <summary>What an operator wants changed.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> json, [NotNullWhen(true)] out TwinPatch? patch, [NotNullWhen(false)] out TwinProblem? problem) =>
        TryRead(json, mayTellVersion: false, out patch, out problem);

    /// <summary>What a device reports: at the top there may be <c>$version</c>, the desired version it has applied.</summary>
    public static bool TryReadReport(ReadOnlyMemory<byte> json, [NotNullWhen(true)] out TwinPatch? patch, [NotNullWhen(false)] out TwinProblem? problem) =>
        TryRead(json, mayTellVersion: true, out patch, out problem);

    /// <summary>The document with this patch applied, or why it would be none.</summary>
    internal bool TryApplyTo(string document, [NotNullWhen(true)] out string? changed, [NotNullWhen(false)] out TwinProblem? problem)
    {
        changed = MergePatch.Apply(document, Changes);
        var bytes = System.Text.Encoding.UTF8.GetByteCount(changed);
        problem = bytes > MaxBytes ? new("twin-too-large", $"The document would have {bytes:N0} bytes; {MaxBytes:N0} is the most.") : TwinSyntax.FindProblem(System.Text.Encoding.UTF8.GetBytes(changed), mayTellVersion: false);
        return problem is null;
    }

    private static bool TryRead(
        ReadOnlyMemory<byte> json, bool mayTellVersion, [NotNullWhen(true)] out TwinPatch? patch, [NotNullWhen(false)] out TwinProblem? problem)
    {
        patch = null;
        problem = json.Length > MaxBytes ? new("twin-too-large", $"The patch has {json.Length:N0} bytes; {MaxBytes:N0} is the most.")
            : !Utf8.IsValid(json.Span) ? new("twin-not-json", "The patch is not UTF-8.")
            : TwinSyntax.FindProblem(json.Span, mayTellVersion);
        if (problem is not null) return false;
        using var document = JsonDocument.Parse(json);
        if (!document.RootElement.TryGetProperty(VersionName, out var version))
        {
            patch = new TwinPatch(document.RootElement.Clone(), null);
            return true;
        }
        if (version.ValueKind != JsonValueKind.Number || !version.TryGetInt64(out var applied) || applied is < 0 or > MaxVersion)
        {
            problem = new("twin-bad-version", $"{VersionName} is the number of a desired version, from 0.");
            return false;
        }
        patch = new TwinPatch(WithoutVersion(document.RootElement), applied);
        return true;
    }

    /// <summary>What a device sends to be told what is wanted of it: nothing, or the version that it has. False when it is neither.</summary>
    public static bool TryReadQuestion(ReadOnlyMemory<byte> json, out long? since, [NotNullWhen(false)] out TwinProblem? problem)
    {
        since = null;
        problem = json.Length == 0 ? null : json.Length > MaxBytes ? new("twin-too-large", "The question is longer than a document.") : TwinSyntax.FindProblem(json.Span, mayTellVersion: false);
        if (problem is not null || json.Length == 0) return problem is null;
        using var question = JsonDocument.Parse(json);
        if (!question.RootElement.TryGetProperty("version", out var version)) return true;
        if (version.ValueKind == JsonValueKind.Number && version.TryGetInt64(out var number) && number is >= 0 and <= MaxVersion)
        {
            since = number;
            return true;
        }
        problem = new("twin-bad-version", "The version is the number of a desired version, from 0.");
        return false;
    }

    private static JsonElement WithoutVersion(JsonElement patch)
    {
        var rest = MergePatch.Text(output =>
        {
            output.WriteStartObject();
            foreach (var member in patch.EnumerateObject().Where(member => member.Name != VersionName)) member.WriteTo(output);
            output.WriteEndObject();
        });
        return JsonElement.Parse(rest);
    }
}
