using System.CommandLine;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet rule create|change|list|show|delete</c></summary>
internal static class RuleCommands
{
    private static readonly Argument<string> Id = new("name") { Description = "The rule's name" };
    private static readonly Option<string?> Description = new("--description") { Description = "For people" };
    private static readonly Option<string?> Kind = new("--kind") { Description = "threshold, rate or silence" };
    private static readonly Option<string?> Severity = new("--severity") { Description = "info, warning or critical" };
    private static readonly Option<bool?> Enabled = new("--enabled") { Description = "Whether it watches" };
    private static readonly Option<string?> Group = new("--group") { Description = "Only devices of this enrolment group; none for any" };
    private static readonly Option<string[]> Devices = new("--device") { Description = "Only this device; may be given several times" };
    private static readonly Option<string?> Stream = new("--stream") { Description = "Only readings of this stream" };
    private static readonly Option<string?> Metric = new("--metric") { Description = "The value's flattened name, such as motor.rpm" };
    private static readonly Option<double?> Above = new("--above") { Description = "Opens above this limit; of a rate, by the minute" };
    private static readonly Option<double?> Below = new("--below") { Description = "Opens below this limit; of a rate, by the minute" };
    private static readonly Option<double?> Either = new("--either") { Description = "Of a rate: opens when it rises or falls faster than this by the minute" };
    private static readonly Option<double?> Clear = new("--clear") { Description = "Closes only at this limit" };
    private static readonly Option<int?> For = new("--for") { Description = "For how many seconds it must be so" };
    private static readonly Option<int?> Over = new("--over") { Description = "Of a rate: over how many seconds it is taken, at least" };
    private static readonly Option<string[]> Webhooks = new("--webhook") { Description = "Who is told; may be given several times" };
    private static readonly Option<bool?> Mqtt = new("--mqtt") { Description = "Whether services are told by MQTT" };
    private static readonly Symbol[] Settings = [Description, Kind, Severity, Enabled, Group, Devices, Stream, Metric, Above, Below, Either, Clear, For, Over, Webhooks, Mqtt];

    public static Command Create(VerbFactory verb) => new("rule", "What of the telemetry is to be told to somebody")
    {
        verb("create", "Make a rule; it judges the newest values at once", [Id, .. Settings], CreateAsync),
        verb("change", "Change what is given; the rest stays", [Id, .. Settings], ChangeAsync),
        verb("list", "List rules", [], ListAsync),
        verb("show", "Show one rule", [Id], async (parsed, fleet, output, ct) => Show(await fleet.GetRuleAsync(parsed.GetRequiredValue(Id), ct), output)),
        verb("delete", "Delete a rule and close its alerts", [Id], DeleteAsync),
    };

    private static async Task CreateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var settings = With(parsed, new RuleSettings());
        var request = new CreateRuleRequest
        {
            Id = parsed.GetRequiredValue(Id),
            Description = settings.Description,
            Kind = settings.Kind,
            Severity = settings.Severity,
            Enabled = settings.Enabled,
            Group = settings.Group,
            Devices = settings.Devices,
            Stream = settings.Stream,
            Metric = settings.Metric,
            Direction = settings.Direction,
            Limit = settings.Limit,
            ClearLimit = settings.ClearLimit,
            ForSeconds = settings.ForSeconds,
            OverSeconds = settings.OverSeconds,
            Webhooks = settings.Webhooks,
            Mqtt = settings.Mqtt,
        };
        Show(await fleet.CreateRuleAsync(request, cancellationToken), output);
    }

    private static async Task ChangeAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var id = parsed.GetRequiredValue(Id);
        RuleSettings present = await fleet.GetRuleAsync(id, cancellationToken);
        Show(await fleet.ChangeRuleAsync(id, With(parsed, present), cancellationToken), output);
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetRulesAsync(cancellationToken), ApiJson.Default.RuleDetails,
            ("NAME", rule => rule.Id),
            ("KIND", rule => rule.Kind),
            ("SEVERITY", rule => rule.Severity),
            ("STATE", rule => rule.Enabled ? "on" : "off"),
            ("OF", Of),
            ("OPENS", Opens),
            ("DESCRIPTION", rule => rule.Description));

    private static async Task DeleteAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        await fleet.DeleteRuleAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.Say($"Rule {parsed.GetRequiredValue(Id)} deleted.");
    }

    private static RuleSettings With(ParseResult parsed, RuleSettings present)
    {
        var (direction, limit) = Limit(parsed, present);
        return present with
        {
            Description = parsed.GetValue(Description) ?? present.Description,
            Kind = parsed.GetValue(Kind) ?? present.Kind,
            Severity = parsed.GetValue(Severity) ?? present.Severity,
            Enabled = parsed.GetValue(Enabled) ?? present.Enabled,
            Group = parsed.GetValue(Group) switch { null => present.Group, "none" => null, var group => group },
            Devices = parsed.GetValue(Devices) is { Length: > 0 } devices ? devices : present.Devices,
            Stream = parsed.GetValue(Stream) ?? present.Stream,
            Metric = parsed.GetValue(Metric) ?? present.Metric,
            Direction = direction,
            Limit = limit,
            ClearLimit = parsed.GetValue(Clear) ?? present.ClearLimit,
            ForSeconds = parsed.GetValue(For) ?? present.ForSeconds,
            OverSeconds = parsed.GetValue(Over) ?? present.OverSeconds,
            Webhooks = parsed.GetValue(Webhooks) is { Length: > 0 } webhooks ? webhooks : present.Webhooks,
            Mqtt = parsed.GetValue(Mqtt) ?? present.Mqtt,
        };
    }

    private static (string Direction, double? Limit) Limit(ParseResult parsed, RuleSettings present) => (parsed.GetValue(Above), parsed.GetValue(Below), parsed.GetValue(Either)) switch
    {
        (null, null, null) => (present.Direction, present.Limit),
        ({ } above, null, null) => ("above", above),
        (null, { } below, null) => ("below", below),
        (null, null, { } either) => ("either", either),
        _ => throw new UsageException("Give one of --above, --below and --either."),
    };

    private static string Of(RuleSettings rule) => $"{rule.Metric ?? "device"}{(rule.Group is { } group ? $" of {group}" : "")}{(rule.Devices.Count > 0 ? $" ({rule.Devices.Count} devices)" : "")}";

    private static string Opens(RuleSettings rule) => string.Create(CultureInfo.InvariantCulture,
        $"{(rule.Limit is { } limit ? $"{rule.Direction} {limit}{(rule.Kind == RuleKindNames.Rate ? "/min" : "")}" : "")}{(rule.ForSeconds > 0 ? $" for {rule.ForSeconds} s" : "")}").Trim();

    private static void Show(RuleDetails rule, Output output) => output.One(rule, ApiJson.Default.RuleDetails,
        ("name", rule.Id),
        ("description", rule.Description),
        ("kind", rule.Kind),
        ("severity", rule.Severity),
        ("state", rule.Enabled ? "on" : "off"),
        ("of", Of(rule)),
        ("devices", rule.Devices.Count > 0 ? string.Join(' ', rule.Devices) : null),
        ("stream", rule.Stream),
        ("opens", Opens(rule)),
        ("closes at", rule.ClearLimit?.ToString(CultureInfo.InvariantCulture)),
        ("over", rule.OverSeconds > 0 ? $"{rule.OverSeconds} s" : null),
        ("webhooks", rule.Webhooks.Count > 0 ? string.Join(' ', rule.Webhooks) : null),
        ("MQTT", rule.Mqtt ? "yes" : "no"),
        ("changed", Output.Time(rule.ChangedAt)));
}
