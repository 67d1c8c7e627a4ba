using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet refusals</c></summary>
internal static class RefusalCommand
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly Option<string?> Device = new("--device") { Description = "Only this device's" };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Only for this reason, a code of docs/reasons.md" };
    private static readonly Option<bool> Follow = new("--follow", "-f") { Description = "Go on with those to come" };

    public static Command Create(VerbFactory verb) => verb("refusals", "Who was turned away, where and why: newest first, with --follow as they come", [Device, Reason, Follow], RunAsync);

    private static async Task RunAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var (device, reason) = (parsed.GetValue(Device), parsed.GetValue(Reason));
        var found = await fleet.GetRefusalsAsync(device, reason, after: null, cancellationToken);
        if (!parsed.GetValue(Follow))
        {
            Show(output, found.Items);
            return;
        }

        var last = found.LastId;
        Show(output, [.. found.Items.Take(20).Reverse()]);
        while (true)
        {
            await Task.Delay(Interval, TimeProvider.System, cancellationToken);
            found = await fleet.GetRefusalsAsync(device, reason, last, cancellationToken);
            last = Math.Max(last, found.LastId);
            foreach (var refusal in found.Items.Reverse()) output.Say(Line(refusal));
        }
    }

    private static void Show(Output output, IReadOnlyList<Refusal> refusals) => output.Many(refusals, ApiJson.Default.Refusal,
        ("TIME", refusal => Output.Time(refusal.At)),
        ("REASON", refusal => refusal.Reason),
        ("DOOR", refusal => refusal.Door),
        ("CLIENT", refusal => refusal.ClientId),
        ("ADDRESS", refusal => refusal.Address),
        ("CERTIFICATE", refusal => refusal.Serial is null ? null : $"{refusal.Subject} {refusal.Serial}"),
        ("WHAT HAPPENED", refusal => refusal.Detail));

    private static string Line(Refusal refusal) =>
        $"{Output.Time(refusal.At)} {refusal.Reason} {refusal.Door} {refusal.ClientId ?? "-"} {refusal.Address} {(refusal.Serial is null ? "-" : $"{refusal.Subject} {refusal.Serial}")} {refusal.Detail}";
}
