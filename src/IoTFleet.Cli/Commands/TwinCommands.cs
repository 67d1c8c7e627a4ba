using System.CommandLine;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet twin show|set|replace|list|set-many</c></summary>
internal static class TwinCommands
{
    private static readonly Argument<string> Device = new("device") { Description = "The device's id" };
    private static readonly Argument<string> Patch = new("patch") { Description = "A JSON object: what it names is set, null removes, the rest stays" };
    private static readonly Argument<string> Document = new("document") { Description = "A JSON object: all that is wanted" };
    private static readonly Option<long?> IfMatch = new("--if-match") { Description = "Only if the desired document is at this version" };
    private static readonly Option<bool> NotInSync = new("--not-in-sync") { Description = "Only devices that have not applied what is wanted of them" };
    private static readonly Option<string?> Prefix = new("--prefix") { Description = "Only devices whose id starts with this" };
    private static readonly Option<string?> Group = new("--group") { Description = "Devices of this enrolment group" };
    private static readonly Option<string?> Batch = new("--batch") { Description = "Devices enrolled through this claim batch" };
    private static readonly Option<string?> Tag = new("--tag") { Description = "Devices with this tag, name=value" };
    private static readonly Option<FileInfo?> Ids = new("--ids") { Description = "A file with a device id a line" };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Change nothing and count" };
    private static readonly Option<int?> Confirm = new("--confirm") { Description = "The number it concerns, as --dry-run tells" };

    public static Command Create(VerbFactory verb) => new("twin", "What is wanted of devices, and what they say of themselves")
    {
        verb("show", "Show a device's twin", [Device], async (parsed, fleet, output, ct) => Show(await fleet.GetTwinAsync(parsed.GetRequiredValue(Device), ct), output)),
        verb("set", "Change what is wanted of a device", [Device, Patch, IfMatch], async (parsed, fleet, output, ct) =>
            Show(await fleet.ChangeDesiredAsync(parsed.GetRequiredValue(Device), Json(parsed.GetRequiredValue(Patch)), parsed.GetValue(IfMatch), ct), output)),
        verb("replace", "Replace all that is wanted of a device", [Device, Document, IfMatch], async (parsed, fleet, output, ct) =>
            Show(await fleet.ReplaceDesiredAsync(parsed.GetRequiredValue(Device), Json(parsed.GetRequiredValue(Document)), parsed.GetValue(IfMatch), ct), output)),
        verb("list", "List twins", [NotInSync, Prefix], ListAsync),
        verb("set-many", "Change what is wanted of all who fit what is given", [Patch, Group, Batch, Tag, Ids, DryRun, Confirm], SetManyAsync),
    };

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var twins = await fleet.GetTwinsAsync(parsed.GetValue(NotInSync) ? false : null, parsed.GetValue(Prefix), cancellationToken).ToListAsync(cancellationToken);
        output.Many(twins, ApiJson.Default.TwinSummary,
            ("DEVICE", twin => twin.DeviceId),
            ("IN SYNC", twin => twin.InSync ? "yes" : "no"),
            ("DESIRED", twin => $"{twin.DesiredVersion}"),
            ("APPLIED", twin => $"{twin.AppliedVersion}"),
            ("CHANGED", twin => Output.Time(twin.DesiredChangedAt)),
            ("REPORTED", twin => Output.Time(twin.ReportedAt)));
    }

    private static async Task SetManyAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var changed = await fleet.ChangeTwinsAsync(new ChangeTwinsRequest
        {
            Patch = Json(parsed.GetRequiredValue(Patch)),
            Group = parsed.GetValue(Group),
            Batch = parsed.GetValue(Batch),
            Tag = parsed.GetValue(Tag),
            Ids = parsed.GetValue(Ids) is { } file ? [.. (await File.ReadAllLinesAsync(file.FullName, cancellationToken)).Select(line => line.Trim()).Where(line => line.Length > 0)] : null,
            DryRun = parsed.GetValue(DryRun),
            Confirm = parsed.GetValue(Confirm),
        }, cancellationToken);
        output.One(changed, ApiJson.Default.TwinsChanged,
            ("state", changed.State),
            ("devices", $"{changed.Count}"),
            ("changed", changed.Changed is { } count ? $"{count}" : null),
            ("too large", changed.Refused is { Count: > 0 } refused ? string.Join(", ", refused) : null),
            ("such as", changed.Sample is { Count: > 0 } sample ? string.Join(", ", sample) : null));
    }

    private static void Show(Twin twin, Output output) => output.One(twin, ApiJson.Default.Twin,
        ("device", twin.DeviceId),
        ("in sync", twin.InSync ? "yes" : $"no, the device has applied version {twin.AppliedVersion}"),
        ("told", twin.Told switch { true => "yes", false => "not now: the device is away, does not listen, or nothing has changed", null => null }),
        ("desired version", $"{twin.DesiredVersion}"),
        ("desired changed", Output.Time(twin.DesiredChangedAt)),
        ("desired", twin.Desired.GetRawText()),
        ("reported version", $"{twin.ReportedVersion}"),
        ("reported at", Output.Time(twin.ReportedAt)),
        ("reported", twin.Reported.GetRawText()));

    private static JsonElement Json(string text)
    {
        try { return JsonElement.Parse(text); }
        catch (JsonException e) { throw new UsageException($"It is not JSON: {e.Message}"); }
    }
}
