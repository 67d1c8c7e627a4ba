using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet pending|approve|reject</c></summary>
internal static class ApprovalCommands
{
    private static readonly Argument<string> Id = new("id") { Description = "The request's id, as 'iotfleet pending' shows it" };
    private static readonly Option<string?> State = new("--state") { Description = "waiting (unless given), approved, rejected or all" };

    public static IEnumerable<Command> Create(VerbFactory verb) =>
    [
        verb("pending", "List requests for certificates that wait for approval", [State], ListAsync),
        verb("approve", "Let a waiting request in; compare its key with what the device shows", [Id], ApproveAsync),
        verb("reject", "Turn a waiting request away, for good", [Id], RejectAsync),
    ];

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetPendingAsync(parsed.GetValue(State), cancellationToken), ApiJson.Default.PendingRequest,
            ("ID", request => request.Id),
            ("STATE", request => request.State),
            ("DEVICE", request => request.DeviceId),
            ("GROUP", request => request.Group),
            ("ASKED", request => Output.Time(request.AskedAt)),
            ("FROM", request => request.Origin),
            ("KEY", request => request.KeyFingerprint),
            ("SERIAL", request => request.HardwareSerial),
            ("EVIDENCE", request => request.Evidence));

    private static async Task ApproveAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.ApproveAsync(parsed.GetRequiredValue(Id), cancellationToken), output);

    private static async Task RejectAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.RejectAsync(parsed.GetRequiredValue(Id), cancellationToken), output);

    private static void Show(PendingRequest request, Output output) => output.One(request, ApiJson.Default.PendingRequest,
        ("id", request.Id),
        ("state", request.State),
        ("device", request.DeviceId),
        ("group", request.Group),
        ("key", request.KeyFingerprint));
}
