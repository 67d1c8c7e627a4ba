using System.CommandLine;
using System.Globalization;
using System.Text;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary>
/// <c>iotfleet import FILE</c>: block by block, so that neither side holds more than one. How far it got is kept in a file beside it
/// until it is through, for --resume; rows that went in before do no harm when they come again.
/// </summary>
internal static class ImportCommand
{
    private const int RowsInABlock = 1_000;

    private static readonly Argument<string> File = new("file") { Description = "CSV with a heading (id, serial, group, displayName, tags), or one JSON object a line (.ndjson, .jsonl)" };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Say what would be done, and do nothing" };
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on where the last import of this file broke off" };

    public static Command Create(VerbFactory verb) =>
        verb("import", "Make devices and hardware serials of a file known", [File, DryRun, Resume], RunAsync);

    private static async Task RunAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var (file, dryRun) = (parsed.GetRequiredValue(File), parsed.GetValue(DryRun));
        var progress = new Progress(file + ".progress");
        var done = parsed.GetValue(Resume) ? progress.Read() : 0;
        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (first, lines, csv) in Blocks(file, done))
        {
            var rows = await fleet.ImportAsync(lines, csv, dryRun, cancellationToken);
            foreach (var row in rows)
            {
                counts[row.Outcome] = counts.GetValueOrDefault(row.Outcome) + 1;
                if (row.Problem is not null) output.Say($"row {first + row.Row}: {row.Outcome}: {row.Problem}");
            }
            done = first + rows.Count;
            if (!dryRun) progress.Write(done);
        }
        if (!dryRun) progress.Delete();
        output.Say($"{done} rows{(dryRun ? " looked at, nothing written" : "")}: {string.Join(", ", counts.Select(count => $"{count.Value} {count.Key}"))}");
    }

    /// <returns>Rows passed over before the block, its lines with the heading if there is one, and whether it is CSV.</returns>
    private static IEnumerable<(long First, string Lines, bool Csv)> Blocks(string file, long done)
    {
        var csv = !(file.EndsWith(".ndjson", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase));
        using var lines = Lines(file).Where(line => line.Length > 0).GetEnumerator();
        var heading = csv && lines.MoveNext() ? lines.Current + "\n" : "";
        var (row, first, block) = (0L, done, new StringBuilder(heading));
        while (lines.MoveNext())
        {
            if (++row <= done) continue;
            block.Append(lines.Current).Append('\n');
            if (row - first < RowsInABlock) continue;
            yield return (first, block.ToString(), csv);
            (first, block) = (row, new StringBuilder(heading));
        }
        if (row > first) yield return (first, block.ToString(), csv);
    }

    private static IEnumerable<string> Lines(string file)
    {
        try { return System.IO.File.ReadLines(file); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new UsageException($"{file} cannot be read: {e.Message}"); }
    }

    private sealed class Progress(string path)
    {
        public long Read() => System.IO.File.Exists(path) && long.TryParse(System.IO.File.ReadAllText(path), CultureInfo.InvariantCulture, out var rows) ? rows : 0;

        public void Write(long rows) => System.IO.File.WriteAllText(path, rows.ToString(CultureInfo.InvariantCulture));

        public void Delete() => System.IO.File.Delete(path);
    }
}
