using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet telemetry latest|range|values|history|buckets|export|watch</c></summary>
internal static partial class TelemetryCommands
{
    private static readonly Argument<string> Device = new("device") { Description = "The device's id" };
    private static readonly Option<DateTimeOffset?> From = Time("--from", "From this time on, ISO 8601, UTC unless it says otherwise");
    private static readonly Option<DateTimeOffset?> To = Time("--to", "Up to this time");
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many, oldest first", DefaultValueFactory = _ => 100 };

    public static Command Create(VerbFactory verb) => new("telemetry", "What devices have measured")
    {
        verb("latest", "Show a device's latest record", [Device], LatestAsync),
        verb("range", "List a device's records of a span of time", [Device, From, To, Limit], RangeAsync),
        verb("values", "Show the newest value of each metric", [Devices, Group, Tag, Metric], ValuesAsync),
        verb("history", "List the values of metrics of a span of time", [Device, Metric, From, To, Limit, Newest], HistoryAsync),
        verb("buckets", "Gather values in buckets of time: smallest, largest, mean and so on", [Devices, Group, Tag, Metric, Stream, From, To, Bucket, Origin, Aggregates, Gaps], BucketsAsync),
        verb("export", "Write readings to a file, of any size", [Devices, Group, Tag, Metric, From, To, Format, File], ExportAsync),
        verb("watch", "Show what is stored as it is stored, until you interrupt it", [Devices, Group, Tag, Metric], WatchAsync),
    };

    private static async Task LatestAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var record = await fleet.GetLatestTelemetryAsync(parsed.GetRequiredValue(Device), cancellationToken);
        output.One(record, ApiJson.Default.TelemetryRecord,
            ("device", record.DeviceId),
            ("stream", record.Stream.Length == 0 ? null : record.Stream),
            ("time", Output.Time(record.Time)),
            ("received", Output.Time(record.ReceivedAt)),
            ("sequence", record.Sequence?.ToString(CultureInfo.InvariantCulture)),
            ("body", record.Body.GetRawText()));
    }

    private static async Task RangeAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var limit = parsed.GetValue(Limit);
        if (limit < 1) throw new UsageException($"--limit must be at least 1, not {limit}.");
        var all = fleet.GetTelemetryAsync(parsed.GetRequiredValue(Device), parsed.GetValue(From), parsed.GetValue(To), cancellationToken);
        output.Many(await all.Take(limit).ToListAsync(cancellationToken), ApiJson.Default.TelemetryRecord,
            ("TIME", record => record.Time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss.fff'Z'")),
            ("STREAM", record => record.Stream.Length == 0 ? null : record.Stream),
            ("SEQUENCE", record => record.Sequence?.ToString(CultureInfo.InvariantCulture)),
            ("BODY", record => record.Body.GetRawText()));
    }

    private static Option<DateTimeOffset?> Time(string name, string description) => new(name) { Description = description, CustomParser = Parse };

    private static DateTimeOffset? Parse(ArgumentResult argument)
    {
        var text = argument.Tokens[0].Value;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return time;
        argument.AddError($"'{text}' is not a time such as 2026-11-21T10:30:00Z.");
        return null;
    }
}
