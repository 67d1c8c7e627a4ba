using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet overview</c></summary>
internal static class OverviewCommand
{
    public static Command Create(VerbFactory verb) => verb("overview", "Show the server's state at a glance", [], ShowAsync);

    private static async Task ShowAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var overview = await fleet.GetOverviewAsync(cancellationToken);
        output.One(overview, ApiJson.Default.Overview,
            ("running since", Output.Time(overview.StartedAt)),
            ("devices", $"{overview.DevicesTotal}"),
            ("connected", $"{overview.DevicesConnected}"),
            ("messages a second", $"{overview.MessagesPerSecond:0.0}"),
            ("messages received", $"{overview.MessagesReceived}"),
            ("messages acked", $"{overview.MessagesAcked}"),
            ("messages stored", $"{overview.MessagesStored}"),
            ("messages refused", $"{overview.MessagesRefused}"),
            ("connections refused", $"{overview.ConnectionsRefused}"),
            ("refusals", Join(overview.RefusalsByReason)));
    }

    private static string? Join(IReadOnlyList<RefusalCount> refusals) =>
        refusals.Count == 0 ? null : string.Join(", ", refusals.Select(refusal => $"{refusal.Reason}: {refusal.Count}"));
}
