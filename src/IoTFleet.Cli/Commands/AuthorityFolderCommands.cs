using System.CommandLine;
using IoTFleet.Pki;

namespace IoTFleet.Cli.Commands;

/// <summary>
/// <c>iotfleet ca init|request|sign|crl|install|encrypt-keys</c>: files on this machine, no server asked. With an offline root: init and sign
/// where the root lives, request and install where the server runs.
/// </summary>
internal static class AuthorityFolderCommands
{
    private static readonly Option<bool> RootOnly = new("--root-only") { Description = "Only the root, for a machine without a network; the server's authorities are then made by request, sign and install" };
    private static readonly Option<bool> P384 = new("--p384") { Description = "With --root-only: a P-384 key for the root; devices take several times as long to verify each chain" };
    private static readonly Option<string> Out = new("--out") { Description = "The folder to write to", Required = true };
    private static readonly Option<string> Fleet = new("--fleet") { Description = "The fleet's domain, as in IoTFleet:Fleet", DefaultValueFactory = _ => "fleet.local" };
    private static readonly Option<string> Purpose = new("--purpose") { Description = "Which authority: devices, claims, servers or services", Required = true };
    private static readonly Option<string> Root = new("--root-folder", "--root") { Description = "The folder with root.key and root.pem", Required = true };
    private static readonly Option<string> Request = new("--request") { Description = "The request that came from the server", Required = true };
    private static readonly Option<string> SignedFile = new("--out") { Description = "The file for the certificate", Required = true };
    private static readonly Option<string> ListFile = new("--out") { Description = "The file for the list", Required = true };
    private static readonly Option<string?> Revoked = new("--revoked") { Description = "A file with a revoked authority a line: serial number, and if wanted reason and time; none for an empty list" };
    private static readonly Option<long?> Number = new("--number") { Description = "Higher than that of the list before; the time in seconds unless given" };
    private static readonly Option<int> Days = new("--days") { Description = "How long it is believed, 1 to 90", DefaultValueFactory = _ => 30 };
    private static readonly Option<string[]> DnsSuffix = new("--dns-suffix") { Description = "For servers: the only DNS names it may issue for, with all below them; repeat for more, none allows any" };
    private static readonly Option<string> Folder = new("--folder") { Description = "The CA folder, such as data/ca", Required = true };
    private static readonly Argument<string> Certificate = new("certificate") { Description = "The root's certificate, or one it signed" };
    private static readonly Option<string?> PassphraseFile = new("--passphrase-file")
    {
        Description = "The file with the passphrase of the keys; else IOTFLEET_CA_PASSPHRASE or the systemd credential ca-passphrase, none leaves keys in the clear",
    };

    public static IEnumerable<Command> Create(LocalVerbFactory verb) =>
    [
        verb("init", "Make the authorities, or only an offline root", [RootOnly, Out, Fleet, P384, PassphraseFile], Init),
        verb("request", "On the server: make a key for an authority and a request to have it signed by an offline root", [Purpose, Out, Fleet, PassphraseFile], MakeRequest),
        verb("sign", "Where the root is: sign a request. Compare the key's fingerprint with what request printed", [Root, Request, SignedFile, DnsSuffix, PassphraseFile], Sign),
        verb("crl", "Where the root is: sign the list of its authorities that are revoked, for 'iotfleet ca install-crl'", [Root, ListFile, Revoked, Number, Days, PassphraseFile], SignCrl),
        verb("install", "On the server: put the root's certificate, then those it signed, into the CA folder", [Folder, Certificate, PassphraseFile], Install),
        verb("encrypt-keys", "Encrypt the keys of a CA folder that lie in the clear", [Folder, PassphraseFile], EncryptKeys),
    ];

    private static void Init(ParseResult parsed, Output output)
    {
        var (folder, names, secrets) = (parsed.GetRequiredValue(Out), NamesOf(parsed), SecretsOf(parsed));
        if (!parsed.GetValue(RootOnly))
        {
            if (parsed.GetValue(P384)) throw new UsageException("--p384 is for --root-only.");
            using var all = RootCeremony.LoadOrCreate(folder, names, TimeProvider.System, secrets);
            if (!all.Created) throw new KeyFileException(folder, "holds authorities already", "name an empty folder");
            output.Facts(("root", all.Files!.RootCertificate), ("root SHA-256", all.RootFingerprint), ("keys", Protection(secrets)));
            return;
        }
        using var root = OfflineCeremony.CreateRoot(folder, names, TimeProvider.System, secrets, parsed.GetValue(P384));
        output.Facts(("root", new AuthorityFiles(folder).RootCertificate), ("root SHA-256", Fingerprint.Sha256(root)), ("until", Output.Time(root.NotAfter)), ("key", Protection(secrets)));
        output.Say("Keep this folder off the network, and a copy of it elsewhere. Only root.pem goes to the server: iotfleet ca install.");
    }

    private static void MakeRequest(ParseResult parsed, Output output)
    {
        var secrets = SecretsOf(parsed);
        var (request, file) = OfflineCeremony.CreateRequest(parsed.GetRequiredValue(Out), PurposeOf(parsed), NamesOf(parsed), secrets);
        output.Facts(("request", file), ("key SHA-256", request.KeyFingerprint), ("key", Protection(secrets)));
        output.Say($"Carry {file} to the root, run iotfleet ca sign there, and compare the key's SHA-256.");
    }

    private static void Sign(ParseResult parsed, Output output)
    {
        var file = parsed.GetRequiredValue(Request);
        if (!AuthorityRequest.TryRead(PemFile.ReadText(file), out var request, out var problem)) throw new UsageException($"{file} cannot be signed: {problem}");
        using var certificate = OfflineCeremony.Sign(parsed.GetRequiredValue(Root), request, TimeProvider.System, SecretsOf(parsed), parsed.GetValue(DnsSuffix) ?? []);
        var signed = parsed.GetRequiredValue(SignedFile);
        PemFile.WritePublic(signed, certificate.ExportCertificatePem() + "\n");
        output.Facts(
            ("certificate", signed),
            ("authority for", AuthorityRequest.NameOf(request.Purpose)),
            ("fleet", request.Names.Domain),
            ("key SHA-256", request.KeyFingerprint),
            ("serial", SerialNumber.Of(certificate).Hex),
            ("until", Output.Time(certificate.NotAfter)));
    }

    private static void SignCrl(ParseResult parsed, Output output)
    {
        var days = parsed.GetValue(Days);
        if (days is < 1 or > 90) throw new UsageException($"--days must be 1 to 90, not {days}.");
        if (parsed.GetValue(Number) is <= 0) throw new UsageException("--number must be above 0.");
        var revoked = parsed.GetValue(Revoked) is { } file ? RevokedAuthorities.Read(file) : [];
        var list = OfflineCeremony.SignCrl(parsed.GetRequiredValue(Root), revoked, parsed.GetValue(Number), TimeSpan.FromDays(days), TimeProvider.System, SecretsOf(parsed));
        var written = parsed.GetRequiredValue(ListFile);
        PemFile.WritePublic(written, list.ToPem());
        output.Facts(("list", written), ("number", $"{list.Content.Number}"), ("authorities revoked", $"{revoked.Count}"), ("next due", Output.Time(list.Content.NextUpdate)));
    }

    private static void Install(ParseResult parsed, Output output)
    {
        var written = OfflineCeremony.Install(parsed.GetRequiredValue(Folder), parsed.GetRequiredValue(Certificate), TimeProvider.System, SecretsOf(parsed));
        output.Facts(("installed", written));
    }

    private static void EncryptKeys(ParseResult parsed, Output output)
    {
        var folder = parsed.GetRequiredValue(Folder);
        var files = OfflineCeremony.EncryptKeys(folder, SecretsOf(parsed));
        foreach (var file in files) output.Say($"{file} is encrypted.");
        if (files.Count == 0) output.Say($"{folder} holds no key in the clear.");
    }

    private static FleetNames NamesOf(ParseResult parsed)
    {
        try { return new FleetNames(parsed.GetRequiredValue(Fleet)); }
        catch (ArgumentException wrong) { throw new UsageException(wrong.Message); }
    }

    private static AuthorityPurpose PurposeOf(ParseResult parsed)
    {
        try { return AuthorityRequest.PurposeOf(parsed.GetRequiredValue(Purpose)); }
        catch (ArgumentException wrong) { throw new UsageException($"--purpose {wrong.Message}"); }
    }

    private static KeySecrets SecretsOf(ParseResult parsed) => KeySecrets.Find(parsed.GetValue(PassphraseFile), pinFile: null, Environment.GetEnvironmentVariable);

    private static string Protection(KeySecrets secrets) => secrets.HasPassphrase ? "encrypted" : "in the clear; iotfleet ca encrypt-keys changes that";
}
