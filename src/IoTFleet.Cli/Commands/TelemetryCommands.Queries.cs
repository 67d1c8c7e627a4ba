using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

internal static partial class TelemetryCommands
{
    private static readonly Argument<string[]> Devices = new("device") { Description = "Devices by id; none for all", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<string?> Group = new("--group") { Description = "Only devices of this enrolment group" };
    private static readonly Option<string?> Tag = new("--tag") { Description = "Only devices with this tag, name=value" };
    private static readonly Option<string[]> Metric = new("--metric", "-m") { Description = "A metric, nested names with dots; may be repeated; all without" };
    private static readonly Option<string?> Stream = new("--stream") { Description = "Only this stream" };
    private static readonly Option<bool> Newest = new("--newest") { Description = "Newest first" };
    private static readonly Option<string> Bucket = new("--bucket") { Description = "How wide: 30s, 5m, 1h, 1d, 1w, 1mo", DefaultValueFactory = _ => "1h" };
    private static readonly Option<DateTimeOffset?> Origin = Time("--origin", "Where a bucket begins; Monday, 2001-01-01 UTC without");
    private static readonly Option<string?> Aggregates = new("--aggregates") { Description = "Of count,min,max,avg,sum,first,last,p50,p95,p99" };
    private static readonly Option<string?> Gaps = new("--gaps") { Description = "Of buckets without readings: none, null, previous or linear" };
    private static readonly Option<string> Format = new("--format") { Description = "csv or ndjson", DefaultValueFactory = _ => "csv" };
    private static readonly Option<FileInfo> File = new("--file") { Description = "The file to write", Required = true };

    private static async Task ValuesAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var found = new List<TelemetryValues>();
        string? cursor = null;
        do
        {
            var page = await fleet.GetTelemetryValuesPageAsync(Chosen(parsed), parsed.GetValue(Metric), cursor, Page<TelemetryValues>.MaximumLimit, cancellationToken);
            found.AddRange(page.Items);
            cursor = page.Next;
        }
        while (cursor is not null);
        output.Many(
            [.. found.SelectMany(device => device.Values.Select(value => new TelemetryValues { DeviceId = device.DeviceId, LastReceivedAt = device.LastReceivedAt, Values = [value] }))],
            ApiJson.Default.TelemetryValues,
            ("DEVICE", device => device.DeviceId),
            ("STREAM", device => device.Values[0].Stream.Length == 0 ? null : device.Values[0].Stream),
            ("METRIC", device => device.Values[0].Metric),
            ("VALUE", device => Plain(device.Values[0].Value)),
            ("TIME", device => Output.Time(device.Values[0].Time)));
    }

    private static async Task HistoryAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var (found, limit, cursor) = (new List<TelemetryReading>(), parsed.GetValue(Limit), (string?)null);
        if (limit < 1) throw new UsageException($"--limit must be at least 1, not {limit}.");
        do
        {
            var page = await fleet.GetTelemetryHistoryPageAsync(
                parsed.GetRequiredValue(Device), parsed.GetValue(Metric), parsed.GetValue(From), parsed.GetValue(To), parsed.GetValue(Newest), cursor,
                Math.Min(limit - found.Count, Page<TelemetryReading>.MaximumLimit), cancellationToken);
            found.AddRange(page.Items);
            cursor = page.Next;
        }
        while (cursor is not null && found.Count < limit);
        output.Many(found, ApiJson.Default.TelemetryReading,
            ("TIME", reading => reading.Time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)),
            ("STREAM", reading => reading.Stream.Length == 0 ? null : reading.Stream),
            ("VALUES", reading => string.Join(' ', reading.Values.Select(value => $"{value.Key}={Plain(value.Value)}"))));
    }

    private static async Task BucketsAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var found = await fleet.GetTelemetryBucketsAsync(new TelemetryBucketsQuery
        {
            Devices = Chosen(parsed),
            Metrics = parsed.GetValue(Metric) ?? [],
            Stream = parsed.GetValue(Stream),
            From = parsed.GetValue(From) ?? throw new UsageException("--from is needed."),
            To = parsed.GetValue(To) ?? throw new UsageException("--to is needed."),
            Bucket = parsed.GetRequiredValue(Bucket),
            Origin = parsed.GetValue(Origin),
            Aggregates = parsed.GetValue(Aggregates)?.Split(',') ?? [],
            Gaps = parsed.GetValue(Gaps),
        }, cancellationToken);
        output.Many(
            [.. found.Series.SelectMany(series => series.Buckets.Select(bucket => series with { Buckets = [bucket] }))], ApiJson.Default.TelemetrySeries,
            ("METRIC", one => one.Stream.Length == 0 ? one.Metric : $"{one.Stream}: {one.Metric}"),
            ("START", one => Output.Time(one.Buckets[0].Start)),
            ("COUNT", one => one.Buckets[0].Count.ToString(CultureInfo.InvariantCulture)),
            ("MIN", one => Number(one.Buckets[0].Min)), ("AVG", one => Number(one.Buckets[0].Avg)), ("MAX", one => Number(one.Buckets[0].Max)),
            ("SUM", one => Number(one.Buckets[0].Sum)), ("FIRST", one => Number(one.Buckets[0].First)), ("LAST", one => Number(one.Buckets[0].Last)),
            ("P50", one => Number(one.Buckets[0].P50)), ("P95", one => Number(one.Buckets[0].P95)), ("P99", one => Number(one.Buckets[0].P99)));
        if (found.PercentileError > 0) output.Say(string.Create(CultureInfo.InvariantCulture, $"The percentiles may be off by {found.PercentileError:P0} of themselves."));
        if (found.Cut) output.Say("There are more metrics than shown; name those you need with --metric.");
    }

    private static async Task ExportAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var file = parsed.GetRequiredValue(File);
        var part = new FileInfo(file.FullName + ".part"); // What is refused or broken off leaves an earlier file as it was.
        try
        {
            await using (var stream = part.Create())
                await fleet.ExportTelemetryAsync(Chosen(parsed), parsed.GetRequiredValue(Format), stream, parsed.GetValue(Metric), parsed.GetValue(From), parsed.GetValue(To), cancellationToken);
            part.MoveTo(file.FullName, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{file.FullName} cannot be written: {e.Message}");
        }
        finally
        {
            if (System.IO.File.Exists(file.FullName + ".part")) System.IO.File.Delete(file.FullName + ".part");
        }
        file.Refresh();
        output.Facts(("file", file.FullName), ("bytes", file.Length.ToString(CultureInfo.InvariantCulture)));
    }

    private static async Task WatchAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        await foreach (var one in fleet.WatchTelemetryAsync(Chosen(parsed), parsed.GetValue(Metric), cancellationToken))
        {
            if (one.Record is { } record) output.Line(record, ApiJson.Default.TelemetryRecord, $"{Output.Time(record.Time)} {record.DeviceId} {record.Stream} {record.Body.GetRawText()}");
            if (one.Missed is { } missed) output.Say($"{missed} messages came too fast and are not shown.");
        }
    }

    private static TelemetryDevices Chosen(ParseResult parsed) =>
        new() { Ids = parsed.GetValue(Devices) ?? [], Group = parsed.GetValue(Group), Tag = parsed.GetValue(Tag) };

    /// <summary>As JSON has it, and texts without quotation marks.</summary>
    private static string Plain(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private static string? Number(double? value) => value?.ToString("G9", CultureInfo.InvariantCulture);
}
