using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Pki;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet claim batch create</c> and <c>iotfleet claim issue|list|get</c>; revoking is <c>iotfleet batch revoke</c></summary>
internal static class ClaimCommands
{
    private static readonly Argument<string> Batch = new("batch") { Description = "The batch's name" };
    private static readonly Option<string> Group = new("--group") { Description = "The enrolment group its devices come into", Required = true };
    private static readonly Option<int> Quota = new("--quota") { Description = "Devices it may enrol in all", Required = true };
    private static readonly Option<double> ValidDays = new("--valid-days") { Description = "How long its window is open", DefaultValueFactory = _ => 30 };
    private static readonly Option<string?> Opens = new("--opens") { Description = "When the window opens, such as 2026-12-01T08:00Z; now unless given" };
    private static readonly Option<string?> Csr = new("--csr") { Description = "The signing request, a PEM file, when the key was made elsewhere" };
    private static readonly Option<string?> KeyOut = new("--key-out") { Description = "Where to write a key that is made here and never sent" };
    private static readonly Option<string> Out = new("--out") { Description = "Where to write the certificate with its authority's, PEM", Required = true };

    public static Command Create(VerbFactory verb) => new("claim", "Claim certificates, which a factory puts into each device of a batch; good for enrolment only")
    {
        new Command("batch", "Production batches") { verb("create", "Open a batch with a quota and a window", [Batch, Group, Quota, ValidDays, Opens], CreateAsync) },
        verb("issue", "Issue a claim certificate of a batch, for --csr or for a new key written to --key-out", [Batch, Csr, KeyOut, Out], IssueAsync),
        verb("list", "List batches", [], ListAsync),
        verb("get", "Show a batch and its claim certificates", [Batch], GetAsync),
    };

    private static async Task CreateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var opens = Time(parsed.GetValue(Opens));
        var days = parsed.GetValue(ValidDays);
        if (!(days is > 0 and <= 365)) throw new UsageException($"--valid-days must be above 0 and at most 365, not {days}.");
        Show(await fleet.CreateBatchAsync(new CreateBatchRequest
        {
            Id = parsed.GetRequiredValue(Batch),
            Group = parsed.GetRequiredValue(Group),
            Quota = parsed.GetValue(Quota),
            OpensAt = opens,
            ClosesAt = (opens ?? TimeProvider.System.GetUtcNow()).AddDays(days),
        }, cancellationToken), output);
    }

    private static async Task IssueAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var (csr, keyOut) = (parsed.GetValue(Csr), parsed.GetValue(KeyOut));
        if (csr is null == keyOut is null) throw new UsageException("Give either --csr FILE or --key-out FILE.");
        var batch = parsed.GetRequiredValue(Batch);
        using var key = keyOut is null ? null : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is null ? ReadFile(csr!) : new CertificateRequest($"CN={batch}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        if (key is not null) Write(() => PemFile.WriteSecret(keyOut!, key.ExportPkcs8PrivateKeyPem() + "\n")); // Before it is certified: a certificate without its key is worth nothing.
        var issued = await fleet.IssueClaimAsync(batch, request, cancellationToken);
        Write(() => PemFile.WritePublic(parsed.GetRequiredValue(Out), issued.CertificatePem));
        output.One(issued, ApiJson.Default.IssuedClaim,
            ("batch", issued.Batch),
            ("serial", issued.Serial),
            ("valid until", Output.Time(issued.NotAfter)),
            ("key", keyOut),
            ("certificate", parsed.GetRequiredValue(Out)));
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetBatchesAsync(cancellationToken), ApiJson.Default.BatchSummary,
            ("BATCH", batch => batch.Id),
            ("GROUP", batch => batch.Group),
            ("ENROLLED", batch => $"{batch.Used}/{batch.Quota}"),
            ("OPENS", batch => Output.Time(batch.OpensAt)),
            ("CLOSES", batch => Output.Time(batch.ClosesAt)),
            ("REVOKED", batch => Output.Time(batch.RevokedAt)));

    private static async Task GetAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var batch = await fleet.GetBatchAsync(parsed.GetRequiredValue(Batch), cancellationToken);
        output.One(batch, ApiJson.Default.BatchDetails,
            [.. Facts(batch), .. batch.Certificates.Select(certificate => ("certificate", (string?)DeviceCommands.Describe(certificate)))]);
    }

    private static void Show(BatchSummary batch, Output output) => output.One(batch, ApiJson.Default.BatchSummary, [.. Facts(batch)]);

    private static IEnumerable<(string Name, string? Value)> Facts(BatchSummary batch) =>
    [
        ("batch", batch.Id),
        ("group", batch.Group),
        ("enrolled", $"{batch.Used} of {batch.Quota}"),
        ("opens", Output.Time(batch.OpensAt)),
        ("closes", Output.Time(batch.ClosesAt)),
        ("revoked", Output.Time(batch.RevokedAt)),
    ];

    private static DateTimeOffset? Time(string? text)
    {
        if (text is null) return null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new UsageException($"--opens must be a time such as 2026-12-01T08:00Z, not '{text}'.");
    }

    internal static string ReadFile(string path)
    {
        try { return File.ReadAllText(path); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new UsageException($"{path} cannot be read: {e.Message}"); }
    }

    private static void Write(Action write)
    {
        try { write(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw new UsageException($"A file cannot be written: {e.Message}"); }
    }
}
