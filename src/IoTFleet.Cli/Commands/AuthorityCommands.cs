using System.CommandLine;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet ca list|prepare|publish|activate|retire|taint|remove|install-crl|drill</c></summary>
internal static class AuthorityCommands
{
    private static readonly Argument<string> Purpose = new("purpose") { Description = "root, devices, claims, servers or services" };
    private static readonly Argument<string> CrlFile = new("list") { Description = "What 'iotfleet ca crl' wrote where the root is" };
    private static readonly Argument<string> Authority = new("authority") { Description = "As in the list: devices-2, or the id" };
    private static readonly Option<bool> Force = new("--force") { Description = "Although it is too early: some may be shut out" };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Only rehearse, which is what it does anyway" };
    private static readonly Option<bool> Live = new("--live") { Description = "Not offered: says why, and what to do instead" };
    private static readonly Option<string> Of = new("--of") { Description = "Whose rotation: root, devices, claims, servers or services", DefaultValueFactory = _ => "devices" };
    private static readonly Option<int?> Limit = new("--limit") { Description = "Devices named at most for each step" };

    public static IEnumerable<Command> Create(VerbFactory verb) =>
    [
        verb("list", "List authorities of all generations with their states", [], ListAsync),
        verb("prepare", "Make the next generation of an authority; nobody trusts it yet", [Purpose], PrepareAsync),
        verb("publish", "Put a prepared authority into the trust bundle", [Authority], (parsed, fleet, output, ct) => StepAsync("publish", parsed, fleet, output, ct)),
        verb("activate", "Let it sign; the one before retires. Waits until enough devices know it", [Authority, Force], (parsed, fleet, output, ct) => StepAsync("activate", parsed, fleet, output, ct)),
        verb("retire", "Let it sign no more; also takes a taint back", [Authority, Force], (parsed, fleet, output, ct) => StepAsync("retire", parsed, fleet, output, ct)),
        verb("taint", "Have its certificates renewed now", [Authority, Force], (parsed, fleet, output, ct) => StepAsync("taint", parsed, fleet, output, ct)),
        verb("remove", "Believe it no more; refused while its certificates are in use", [Authority, Force], (parsed, fleet, output, ct) => StepAsync("remove", parsed, fleet, output, ct)),
        verb("install-crl", "Give the server the revocation list of a root whose key is kept elsewhere", [CrlFile], InstallCrlAsync),
        verb("drill", "Rehearse a rotation: which devices would be caught unprepared today, and why", [DryRun, Live, Of, Limit], DrillAsync),
    ];

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetAuthoritiesAsync(cancellationToken), ApiJson.Default.AuthoritySummary,
            ("AUTHORITY", NameOf),
            ("STATE", authority => authority.State),
            ("SINCE", authority => Output.Time(authority.StateChangedAt)),
            ("UNTIL", authority => Output.Time(authority.NotAfter)),
            ("KEY", authority => authority.KeyHere ? "here" : "elsewhere"),
            ("CERTIFICATES", authority => $"{authority.LiveCertificates}"),
            ("KNOWN TO", authority => authority.DevicesSeen is null ? null : $"{authority.DevicesHolding}/{authority.DevicesSeen}"),
            ("ID", authority => authority.Id));

    private static async Task PrepareAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.PrepareAuthorityAsync(parsed.GetRequiredValue(Purpose), cancellationToken), output);

    private static async Task StepAsync(string step, ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var wanted = parsed.GetRequiredValue(Authority);
        var known = await fleet.GetAuthoritiesAsync(cancellationToken);
        var id = known.FirstOrDefault(authority => NameOf(authority) == wanted)?.Id ?? wanted;
        Show(await fleet.RotateAuthorityAsync(id, step, step != "publish" && parsed.GetValue(Force), cancellationToken), output);
    }

    private static async Task InstallCrlAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var installed = await fleet.InstallCrlAsync(ClaimCommands.ReadFile(parsed.GetRequiredValue(CrlFile)), cancellationToken);
        output.One(installed, ApiJson.Default.InstalledCrl,
            ("root", installed.IssuerId),
            ("number", $"{installed.Number}"),
            ("authorities revoked", $"{installed.Entries}"),
            ("next due", Output.Time(installed.NextUpdate)));
    }

    private const string NoLiveDrill =
        "A live drill is not offered, because it could not be taken back: the trust bundle's version only grows, and a device that has renewed below the new authority keeps that certificate. " +
        "Rehearse with --dry-run; then prepare and publish, which change nothing for anybody, watch 'iotfleet ca list' until the devices know the authority, and activate. 'iotfleet ca activate' of the former one is the way back.";

    private static async Task DrillAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(Live)) throw new UsageException(NoLiveDrill);
        var drill = await fleet.DrillRotationAsync(parsed.GetValue(Of)!, parsed.GetValue(Limit), cancellationToken);
        output.One(drill, ApiJson.Default.RotationDrill,
            ("devices", $"{drill.Devices}"),
            ("out already", $"{drill.Out} (no live certificate)"),
            ("steps", drill.Steps.Count == 0 ? "none: no generation waits for its activation or removal" : $"{drill.Steps.Count}"));
        foreach (var step in drill.Steps) Tell(step, output);
    }

    private static void Tell(DrilledStep step, Output output)
    {
        output.Say($"{step.Step} generation {step.Generation} ({step.State}): {(step.Allowed ? "ready" : $"not yet, {step.Problem}")}");
        output.Say($"  unprepared {step.Unprepared}, of them offline {step.OfflineUnprepared}; would be cut off {step.Breaking}");
        foreach (var device in step.UnpreparedDevices) output.Say($"  {device.Id}  {device.Reason}{(device.Breaks ? ", would be cut off" : "")}  {device.Detail}");
    }

    private static void Show(RotationAnswer answer, Output output) => output.One(answer, ApiJson.Default.RotationAnswer,
        ("authority", $"{answer.Purpose}-{answer.Generation}"),
        ("state", answer.State),
        ("trust bundle", $"{answer.BundleVersion}"),
        ("id", answer.Id),
        ("note", answer.Note));

    private static string NameOf(AuthoritySummary authority) => $"{authority.Purpose}-{authority.Generation}";
}
