using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet device list|get|register|suspend|resume|revoke</c></summary>
internal static class DeviceCommands
{
    private static readonly Argument<string> Id = new("id") { Description = "The device's id" };
    private static readonly Option<string?> State = NewState();
    private static readonly Option<string?> Prefix = new("--prefix") { Description = "Only devices whose id starts with this" };
    private static readonly Option<string?> Name = new("--name") { Description = "A name for people" };
    private static readonly Option<string?> Reason = new("--reason")
    {
        Description = "unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation",
    };

    public static Command Create(VerbFactory verb) => new("device", "Devices of the fleet")
    {
        verb("list", "List devices", [State, Prefix], ListAsync),
        verb("get", "Show a device and its certificates", [Id], GetAsync),
        verb("register", "Make a device known before it enrols", [Id, Name], RegisterAsync),
        verb("suspend", "Refuse a device until it is resumed", [Id], SuspendAsync),
        verb("resume", "Let a suspended device connect again", [Id], ResumeAsync),
        verb("revoke", "Revoke a device and its certificates, for good", [Id, Reason], RevokeAsync),
    };

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var devices = await fleet.GetDevicesAsync(parsed.GetValue(State), parsed.GetValue(Prefix), cancellationToken).ToListAsync(cancellationToken);
        output.Many(devices, ApiJson.Default.DeviceSummary,
            ("ID", device => device.Id),
            ("STATE", device => device.State),
            ("CONNECTED SINCE", device => Output.Time(device.ConnectedSince)),
            ("REGISTERED", device => Output.Time(device.RegisteredAt)),
            ("NAME", device => device.DisplayName));
    }

    private static async Task GetAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var device = await fleet.GetDeviceAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.One(device, ApiJson.Default.DeviceDetails,
            [.. Facts(device), .. device.Certificates.Select(certificate => ("certificate", (string?)Describe(certificate)))]);
    }

    private static async Task RegisterAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var request = new RegisterDeviceRequest { Id = parsed.GetRequiredValue(Id), DisplayName = parsed.GetValue(Name) };
        Show(await fleet.RegisterDeviceAsync(request, cancellationToken), output);
    }

    private static async Task SuspendAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.SuspendDeviceAsync(parsed.GetRequiredValue(Id), cancellationToken), output);

    private static async Task ResumeAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.ResumeDeviceAsync(parsed.GetRequiredValue(Id), cancellationToken), output);

    private static async Task RevokeAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var result = await fleet.RevokeDeviceAsync(parsed.GetRequiredValue(Id), parsed.GetValue(Reason), cancellationToken);
        output.One(result, ApiJson.Default.RevocationResult,
            ("id", result.Id),
            ("state", DeviceStates.Revoked),
            ("certificates revoked", $"{result.CertificatesRevoked}"),
            ("connections closed", $"{result.SessionsClosed}"),
            ("effective", RevocationCommands.Where(result.Effective)));
    }

    private static Option<string?> NewState()
    {
        var state = new Option<string?>("--state") { Description = "Only devices in this state" };
        return state.AcceptOnlyFromAmong(DeviceStates.Registered, DeviceStates.Active, DeviceStates.Suspended, DeviceStates.Revoked);
    }

    private static void Show(DeviceSummary device, Output output) => output.One(device, ApiJson.Default.DeviceSummary, [.. Facts(device)]);

    private static IEnumerable<(string Name, string? Value)> Facts(DeviceSummary device) =>
    [
        ("id", device.Id),
        ("name", device.DisplayName),
        ("state", device.State),
        ("registered", Output.Time(device.RegisteredAt)),
        ("connected since", device.Connected ? Output.Time(device.ConnectedSince) : "not connected"),
        ("effective", RevocationCommands.Where(device.Effective)),
    ];

    internal static string Describe(CertificateSummary certificate)
    {
        var validity = $"{certificate.Serial}, {Output.Time(certificate.NotBefore)} to {Output.Time(certificate.NotAfter)}";
        if (certificate.RevokedAt is not { } at) return validity;
        return $"{validity}, revoked {Output.Time(at)} ({certificate.RevocationReason ?? "no reason given"})";
    }
}
