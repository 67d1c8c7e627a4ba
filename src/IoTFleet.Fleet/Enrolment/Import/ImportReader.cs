using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace IoTFleet.Fleet.Enrolment.Import;

public enum ImportFormat { Csv, Ndjson }

/// <summary>Reads rows one after the other as they arrive. Holds one line at a time, and no line longer than <see cref="MaxLine"/>.</summary>
public static class ImportReader
{
    public const int MaxLine = 8 * 1024;

    private const string Columns = "id, serial, group, displayName and tags";

    /// <param name="source">The file.</param>
    /// <param name="format">How it is written. CSV begins with a heading that names its columns.</param>
    /// <param name="from">The first row to be read, from 1; those before it are passed over.</param>
    /// <param name="ct">Ends the reading.</param>
    public static async IAsyncEnumerable<ImportRow> ReadAsync(
        PipeReader source, ImportFormat format, long from, [EnumeratorCancellation] CancellationToken ct)
    {
        var row = 0L;
        string[]? heading = null;
        await foreach (var line in LinesAsync(source, ct))
        {
            if (line is { Length: 0 }) continue;
            if (format == ImportFormat.Csv && heading is null)
            {
                heading = Heading(line);
                if (heading is not null) continue;
                yield return new ImportRow(0, $"The first line must name the columns, of {Columns}.");
                yield break;
            }
            if (++row < from) continue;
            yield return line is null ? new ImportRow(row, $"The line is longer than {MaxLine} bytes.") : Parse(row, line, heading);
        }
    }

    private static ImportRow Parse(long row, string line, string[]? heading) => heading is null ? ParseJson(row, line) : ParseCsv(row, line, heading);

    private static string[]? Heading(string? line)
    {
        if (line is null || CsvLine.TryRead(line) is not { } names) return null;
        var known = names.ConvertAll(name => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant());
        return known.TrueForAll(name => name is "id" or "serial" or "group" or "displayname" or "tags") && known.Distinct().Count() == known.Count ? [.. known] : null;
    }

    private static ImportRow ParseCsv(long row, string line, string[] heading)
    {
        if (CsvLine.TryRead(line) is not { } fields) return new ImportRow(row, "The quotes of the line do not match.");
        if (fields.Count != heading.Length) return new ImportRow(row, $"The line has {fields.Count} fields, the heading {heading.Length}.");
        return new ImportRow(row)
        {
            Id = Field("id"),
            Serial = Field("serial"),
            Group = Field("group"),
            DisplayName = Field("displayname"),
            Tags = Field("tags")?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
        };

        string? Field(string name)
        {
            var at = Array.IndexOf(heading, name);
            return at < 0 || fields[at].Length == 0 ? null : fields[at];
        }
    }

    private static ImportRow ParseJson(long row, string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 4 });
            var device = document.RootElement;
            if (device.ValueKind != JsonValueKind.Object) return new ImportRow(row, "The line is not a JSON object.");
            return new ImportRow(row)
            {
                Id = Text(device, "id"),
                Serial = Text(device, "serial"),
                Group = Text(device, "group"),
                DisplayName = Text(device, "displayName"),
                Tags = device.TryGetProperty("tags", out var tags) && tags.ValueKind != JsonValueKind.Null ? [.. tags.EnumerateArray().Select(tag => tag.GetString() ?? "")] : null,
            };
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            return new ImportRow(row, $"The line is not a JSON object of {Columns}, or one of them is of the wrong kind.");
        }
    }

    private static string? Text(JsonElement device, string name) => device.TryGetProperty(name, out var value) ? value.GetString() : null;

    /// <returns>Each line without its end; null for one that is too long.</returns>
    private static async IAsyncEnumerable<string?> LinesAsync(PipeReader source, [EnumeratorCancellation] CancellationToken ct)
    {
        var tooLong = false;
        while (true)
        {
            var read = await source.ReadAsync(ct);
            var rest = read.Buffer;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                yield return tooLong ? null : LineOf(rest.Slice(0, end));
                (rest, tooLong) = (rest.Slice(rest.GetPosition(1, end)), false);
            }
            if (rest.Length > MaxLine) (rest, tooLong) = (rest.Slice(rest.End), true); // Dropped as it comes, so that it takes no memory.
            if (read.IsCompleted)
            {
                if (tooLong || rest.Length > 0) yield return tooLong ? null : LineOf(rest);
                source.AdvanceTo(read.Buffer.End);
                yield break;
            }
            source.AdvanceTo(rest.Start, rest.End);
        }
    }

    private static string? LineOf(ReadOnlySequence<byte> line) =>
        line.Length > MaxLine ? null : Encoding.UTF8.GetString(line).TrimEnd('\r').TrimStart('\uFEFF');
}
