using System.CommandLine;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet alert list|show|ack|close</c></summary>
internal static class AlertCommands
{
    private static readonly Argument<string> Id = new("id") { Description = "The alert's id, as the list shows it" };
    private static readonly Option<string?> State = new("--state") { Description = "Only open, acknowledged or closed ones" };
    private static readonly Option<string?> Rule = new("--rule") { Description = "Only of this rule" };
    private static readonly Option<string?> Device = new("--device") { Description = "Only of this device" };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many, newest first", DefaultValueFactory = _ => 100 };
    private static readonly Option<string?> Note = new("--note") { Description = "What there is to say about it" };

    public static Command Create(VerbFactory verb) => new("alert", "Rules that applied to devices")
    {
        verb("list", "List alerts, newest first", [State, Rule, Device, Limit], ListAsync),
        verb("show", "Show one alert", [Id], async (parsed, fleet, output, ct) => Show(await fleet.GetAlertAsync(parsed.GetRequiredValue(Id), ct), output)),
        verb("ack", "Say that somebody has seen it", [Id, Note],
            async (parsed, fleet, output, ct) => Show(await fleet.AcknowledgeAlertAsync(parsed.GetRequiredValue(Id), parsed.GetValue(Note), ct), output)),
        verb("close", "Close it by hand", [Id, Note],
            async (parsed, fleet, output, ct) => Show(await fleet.CloseAlertAsync(parsed.GetRequiredValue(Id), parsed.GetValue(Note), ct), output)),
    };

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var page = await fleet.GetAlertsPageAsync(parsed.GetValue(State), parsed.GetValue(Rule), parsed.GetValue(Device), null, parsed.GetValue(Limit), cancellationToken);
        output.Many(page.Items, ApiJson.Default.AlertDetails,
            ("ID", alert => alert.Id),
            ("STATE", alert => alert.State),
            ("SEVERITY", alert => alert.Severity),
            ("RULE", alert => alert.Rule),
            ("DEVICE", alert => alert.DeviceId),
            ("OPENED", alert => Output.Time(alert.OpenedAt)),
            ("WHAT", alert => alert.Detail));
    }

    private static void Show(AlertDetails alert, Output output) => output.One(alert, ApiJson.Default.AlertDetails,
        ("id", alert.Id),
        ("state", alert.State),
        ("severity", alert.Severity),
        ("rule", alert.Rule),
        ("device", alert.DeviceId),
        ("group", alert.Group),
        ("what", alert.Detail),
        ("value", alert.Value?.ToString(CultureInfo.InvariantCulture)),
        ("since", Output.Time(alert.Since)),
        ("opened", Output.Time(alert.OpenedAt)),
        ("acknowledged", alert.AcknowledgedAt is { } at ? $"{Output.Time(at)} by {alert.AcknowledgedBy}" : null),
        ("closed", alert.ClosedAt is { } closed ? $"{Output.Time(closed)} by {alert.ClosedBy} ({alert.CloseReason})" : null),
        ("note", alert.Note));
}
