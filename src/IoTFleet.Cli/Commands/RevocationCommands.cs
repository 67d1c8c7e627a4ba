using System.CommandLine;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet certificate ...</c>, <c>key revoke</c>, <c>batch ...</c> and <c>revoke ...</c></summary>
internal static class RevocationCommands
{
    private static readonly Argument<string> Serial = new("serial") { Description = "The serial number, hex" };
    private static readonly Argument<string> Key = new("fingerprint") { Description = "SHA-256 of the SubjectPublicKeyInfo, hex" };
    private static readonly Argument<string> Batch = new("batch") { Description = "The claim batch" };
    private static readonly Argument<string> Order = new("order") { Description = "What 'iotfleet revoke list' shows" };
    private static readonly Argument<string> Authority = new("authority") { Description = "The authority's id: its subject key identifier, hex" };
    private static readonly Option<string?> Device = new("--device") { Description = "Only of this device" };
    private static readonly Option<string?> Issuer = new("--issuer") { Description = "Only of this authority" };
    private static readonly Option<string?> State = new("--state") { Description = "good, suspended, revoked or expired" };
    private static readonly Option<string?> Why = new("--why") { Description = "For those who look later" };
    private static readonly Option<bool> WithDevices = new("--with-devices") { Description = "The devices that were enrolled through it, too" };
    private static readonly Option<int?> Confirm = new("--confirm") { Description = "The number it concerns, as --dry-run tells" };
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Change nothing and count" };
    private static readonly Option<string> Action = new("--action") { Description = "revoke, suspend or resume", DefaultValueFactory = _ => "revoke" };
    private static readonly Option<string?> Group = new("--group") { Description = "Devices of this enrolment group" };
    private static readonly Option<string?> OfBatch = new("--batch") { Description = "Devices enrolled through this claim batch" };
    private static readonly Option<string?> Tag = new("--tag") { Description = "Devices with this tag, name=value" };
    private static readonly Option<FileInfo?> Ids = new("--ids") { Description = "A file with a device id a line" };
    private static readonly Option<string?> From = new("--issued-from") { Description = "Devices with a certificate that begins at this time or later (UTC)" };
    private static readonly Option<string?> To = new("--issued-to") { Description = "Devices with a certificate that begins before this time (UTC)" };
    private static readonly Option<bool> SuspendFirst = new("--suspend-first") { Description = "Suspend them while it waits for a second operator" };
    private static readonly Option<string?> Reason = new("--reason")
    {
        Description = "unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation",
    };

    public static IEnumerable<Command> Create(VerbFactory verb) =>
    [
        new Command("certificate", "Certificates of devices, services and claims")
        {
            verb("list", "List device certificates", [Device, Issuer, State], ListAsync),
            verb("get", "Show a certificate", [Serial], (parsed, fleet, output, ct) => ShowAsync(fleet.GetCertificateAsync(parsed.GetRequiredValue(Serial), ct), output)),
            verb("revoke", "Revoke a certificate, for good", [Serial, Reason], (parsed, fleet, output, ct) =>
                ShowAsync(fleet.RevokeCertificateAsync(parsed.GetRequiredValue(Serial), parsed.GetValue(Reason), ct), output)),
            verb("suspend", "Refuse a certificate until it is resumed", [Serial], (parsed, fleet, output, ct) =>
                ShowAsync(fleet.SuspendCertificateAsync(parsed.GetRequiredValue(Serial), ct), output)),
            verb("resume", "Let a suspended certificate be used again", [Serial], (parsed, fleet, output, ct) =>
                ShowAsync(fleet.ResumeCertificateAsync(parsed.GetRequiredValue(Serial), ct), output)),
        },
        new Command("key", "Keys of devices")
        {
            verb("revoke", "Revoke every certificate for a key and block the key, for good", [Key, Why], RevokeKeyAsync),
        },
        new Command("batch", "Claim batches")
        {
            verb("revoke", "Let nobody enrol by a batch any more, for good", [Batch, WithDevices, DryRun, Confirm, Reason], ChangeBatch("revoke")),
            verb("suspend", "Let nobody enrol by a batch until it is resumed", [Batch, WithDevices, DryRun, Confirm, Reason], ChangeBatch("suspend")),
            verb("resume", "Let a suspended batch be used again", [Batch, WithDevices, DryRun, Confirm, Reason], ChangeBatch("resume")),
        },
        RevokeMany(verb),
    ];

    /// <summary><c>iotfleet ca revoke</c></summary>
    public static Command RevokeAuthority(VerbFactory verb) => verb(
        "revoke", "Revoke one generation of an authority with everything it has issued", [Authority, DryRun, Confirm, Reason], async (parsed, fleet, output, ct) =>
            Show(await fleet.RevokeAuthorityAsync(parsed.GetRequiredValue(Authority), new RevokeAuthorityRequest
            {
                Confirm = parsed.GetValue(Confirm),
                DryRun = parsed.GetValue(DryRun),
                Reason = parsed.GetValue(Reason),
            }, ct), output));

    private static Command RevokeMany(VerbFactory verb)
    {
        var revoke = verb("revoke", "Revoke, suspend or resume many devices: all who fit what is given", [Action, Group, OfBatch, Tag, Ids, From, To, Issuer, Reason, DryRun, Confirm, SuspendFirst], RevokeManyAsync);
        revoke.Subcommands.Add(verb("list", "List what waits for a second operator", [], WaitingAsync));
        revoke.Subcommands.Add(verb("confirm", "Confirm what another operator asked for", [Order, Confirm], (parsed, fleet, output, ct) =>
            ReportAsync(fleet.ConfirmRevocationAsync(parsed.GetRequiredValue(Order), parsed.GetValue(Confirm) ?? throw new UsageException("Say how many devices it concerns: --confirm N."), ct), output)));
        revoke.Subcommands.Add(verb("cancel", "Take back what waits for a second operator", [Order], (parsed, fleet, output, ct) =>
            ReportAsync(fleet.CancelRevocationAsync(parsed.GetRequiredValue(Order), ct), output)));
        return revoke;
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var found = await fleet.GetCertificatesAsync(parsed.GetValue(Device), parsed.GetValue(Issuer), parsed.GetValue(State), cancellationToken).ToListAsync(cancellationToken);
        output.Many(found, ApiJson.Default.CertificateDetails,
            ("SERIAL", certificate => certificate.Serial),
            ("DEVICE", certificate => certificate.Holder),
            ("STATE", certificate => certificate.State),
            ("UNTIL", certificate => Output.Time(certificate.NotAfter)),
            ("REVOKED", certificate => Output.Time(certificate.RevokedAt)),
            ("REASON", certificate => certificate.RevocationReason));
    }

    private static async Task ShowAsync(Task<CertificateDetails> asked, Output output)
    {
        var certificate = await asked;
        output.One(certificate, ApiJson.Default.CertificateDetails,
            ("serial", certificate.Serial),
            (certificate.Kind, certificate.Holder),
            ("state", certificate.State),
            ("validity", $"{Output.Time(certificate.NotBefore)} to {Output.Time(certificate.NotAfter)}"),
            ("issuer", certificate.IssuerId),
            ("key", certificate.KeyFingerprint),
            ("batch", certificate.BatchId),
            ("revoked", certificate.RevokedAt is { } at ? $"{Output.Time(at)} ({certificate.RevocationReason})" : null),
            ("effective", Where(certificate.Effective)));
    }

    private static async Task RevokeKeyAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var result = await fleet.RevokeKeyAsync(parsed.GetRequiredValue(Key), parsed.GetValue(Why), cancellationToken);
        output.One(result, ApiJson.Default.RevocationResult,
            ("key", result.Id),
            ("certificates revoked", $"{result.CertificatesRevoked}"),
            ("effective", Where(result.Effective)));
    }

    private static CommandAction ChangeBatch(string action) => (parsed, fleet, output, ct) => ReportAsync(fleet.ChangeBatchAsync(parsed.GetRequiredValue(Batch), action, new ChangeBatchRequest
    {
        WithDevices = parsed.GetValue(WithDevices),
        DryRun = parsed.GetValue(DryRun),
        Confirm = parsed.GetValue(Confirm),
        Reason = parsed.GetValue(Reason),
    }, ct), output);

    private static async Task RevokeManyAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var request = new RevocationRequest
        {
            Action = parsed.GetRequiredValue(Action),
            Group = parsed.GetValue(Group),
            Batch = parsed.GetValue(OfBatch),
            Tag = parsed.GetValue(Tag),
            Ids = parsed.GetValue(Ids) is { } file ? await ReadIdsAsync(file, cancellationToken) : null,
            IssuedFrom = Time(parsed.GetValue(From), "--issued-from"),
            IssuedTo = Time(parsed.GetValue(To), "--issued-to"),
            Authority = parsed.GetValue(Issuer),
            Reason = parsed.GetValue(Reason),
            DryRun = parsed.GetValue(DryRun),
            Confirm = parsed.GetValue(Confirm),
            SuspendFirst = parsed.GetValue(SuspendFirst),
        };
        Show(await fleet.RevokeManyAsync(request, cancellationToken), output);
    }

    private static async Task<IReadOnlyList<string>> ReadIdsAsync(FileInfo file, CancellationToken cancellationToken)
    {
        if (!file.Exists) throw new UsageException($"There is no file {file.FullName}.");
        var lines = await File.ReadAllLinesAsync(file.FullName, cancellationToken);
        return [.. lines.Select(line => line.Trim()).Where(line => line.Length > 0)];
    }

    private static DateTimeOffset? Time(string? text, string option) => text switch
    {
        null => null,
        _ when DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) => time,
        _ => throw new UsageException($"{option} is '{text}', which is no time; write 2026-11-21 or 2026-11-21T14:00:00Z."),
    };

    private static async Task WaitingAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetWaitingRevocationsAsync(cancellationToken), ApiJson.Default.RevocationReport,
            ("ORDER", order => order.OrderId),
            ("DEVICES", order => $"{order.Count}"),
            ("ASKED BY", order => order.RequestedBy),
            ("AT", order => Output.Time(order.RequestedAt)));

    private static async Task ReportAsync(Task<RevocationReport> asked, Output output) => Show(await asked, output);

    private static void Show(RevocationReport report, Output output) => output.One(report, ApiJson.Default.RevocationReport,
        ("state", report.State),
        ("count", $"{report.Count}"),
        ("certificates revoked", report.Certificates > 0 ? $"{report.Certificates}" : null),
        ("among them", report.Sample is { Count: > 0 } sample ? string.Join(", ", sample) : null),
        ("order", report.OrderId),
        ("next", report.OrderId is { } order ? $"another operator: iotfleet revoke confirm {order} --confirm {report.Count}" : null),
        ("effective", Where(report.Effective)));

    internal static string? Where(Effective? effective) => effective is null ? null
        : $"{effective.Nodes}/{effective.Of} nodes, slowest {effective.SlowestMs.ToString("0.#", CultureInfo.InvariantCulture)} ms"
          + (effective.Unacknowledged.Count > 0 ? $"; no word from {string.Join(", ", effective.Unacknowledged)}" : "");
}
