using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>Makes a fleet's authorities once and finds them again at each later start.</summary>
public static class RootCeremony
{
    /// <exception cref="KeyFileException">The folder holds some files but not a whole, matching set.</exception>
    public static FleetAuthorities LoadOrCreate(string folder, FleetNames names, TimeProvider clock) =>
        LoadOrCreate(folder, names, clock, KeySecrets.None);

    /// <summary>Keys that are made are encrypted when there is a passphrase; those that are found may be either.</summary>
    /// <param name="dnsSuffixes">The only DNS names that an authority for servers made here may name. Empty: any.</param>
    public static FleetAuthorities LoadOrCreate(string folder, FleetNames names, TimeProvider clock, KeySecrets secrets, params IReadOnlyList<string> dnsSuffixes)
    {
        var files = new AuthorityFiles(folder);
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()) return Load(files, names, clock, secrets, dnsSuffixes);
        PemFile.WhileWriting(folder, () => Write(files, names, clock, secrets, dnsSuffixes));
        return Load(files, names, clock, secrets, dnsSuffixes, created: true);
    }

    /// <summary>Makes authorities that live in memory only.</summary>
    public static FleetAuthorities Create(FleetNames names, TimeProvider clock, params IReadOnlyList<string> dnsSuffixes)
    {
        var now = clock.GetUtcNow();
        var root = AuthorityCertificate.CreateRoot(names, now);
        return new FleetAuthorities
        {
            Names = names,
            Root = X509CertificateLoader.LoadCertificate(root.Certificate.RawData),
            RootKey = root,
            Devices = AuthorityCertificate.Create(AuthorityPurpose.Devices, names, root, now),
            Servers = AuthorityCertificate.Create(AuthorityPurpose.Servers, names, root, now, dnsSuffixes),
            Services = AuthorityCertificate.Create(AuthorityPurpose.Services, names, root, now),
            Claims = AuthorityCertificate.Create(AuthorityPurpose.Claims, names, root, now),
            DnsSuffixes = dnsSuffixes,
            Created = true,
        };
    }

    /// <summary>The next generation of a root. Nobody trusts it yet.</summary>
    /// <param name="p384">A stronger key for a root that is kept offline; each link below it takes several times as long to verify.</param>
    public static IssuerKey NewRoot(FleetNames names, TimeProvider clock, bool p384 = false) => AuthorityCertificate.CreateRoot(names, clock.GetUtcNow(), p384);

    /// <summary>The next generation of an issuing authority, with a name and a key of its own.</summary>
    /// <param name="dnsSuffixes">Of an authority for servers: the only DNS names it may issue for, and those below them. Empty: any.</param>
    public static IssuerKey NewAuthority(AuthorityPurpose purpose, FleetNames names, IssuerKey root, TimeProvider clock, params IReadOnlyList<string> dnsSuffixes) =>
        AuthorityCertificate.Create(purpose, names, root, clock.GetUtcNow(), dnsSuffixes);

    /// <summary>All files appear at once, by renaming their folder: a crash leaves either nothing or everything.</summary>
    private static void Write(AuthorityFiles files, FleetNames names, TimeProvider clock, KeySecrets secrets, IReadOnlyList<string> dnsSuffixes)
    {
        var draft = new AuthorityFiles(files.Folder.TrimEnd(Path.DirectorySeparatorChar) + ".new");
        if (Directory.Exists(draft.Folder)) Directory.Delete(draft.Folder, recursive: true);
        PemFile.CreateSecretFolder(draft.Folder);

        using var authorities = Create(names, clock, dnsSuffixes);
        authorities.RootKey!.Save(draft.RootCertificate, draft.RootKey, secrets);
        authorities.Devices.Save(draft.DevicesCertificate, draft.DevicesKey, secrets);
        authorities.Servers.Save(draft.ServersCertificate, draft.ServersKey, secrets);
        authorities.Services!.Save(draft.ServicesCertificate, draft.ServicesKey, secrets);
        authorities.Claims!.Save(draft.ClaimsCertificate, draft.ClaimsKey, secrets);

        if (Directory.Exists(files.Folder)) Directory.Delete(files.Folder); // Empty, or we would be loading.
        Directory.Move(draft.Folder, files.Folder);
    }

    private static FleetAuthorities Load(AuthorityFiles files, FleetNames names, TimeProvider clock, KeySecrets secrets, IReadOnlyList<string> dnsSuffixes, bool created = false)
    {
        var root = PemFile.ReadCertificate(files.RootCertificate);
        var rootKey = files.HasKey(AuthorityPurpose.Root) ? Load(files, AuthorityPurpose.Root, secrets) : null;
        var servicesAdded = rootKey is not null && Add(AuthorityPurpose.Services, files, names, rootKey, clock, secrets);
        var claimsAdded = rootKey is not null && Add(AuthorityPurpose.Claims, files, names, rootKey, clock, secrets);
        var authorities = new FleetAuthorities
        {
            Names = names,
            Root = root,
            RootKey = rootKey,
            Devices = Load(files, AuthorityPurpose.Devices, secrets),
            Servers = Load(files, AuthorityPurpose.Servers, secrets),
            Services = LoadIfThere(files, AuthorityPurpose.Services, secrets),
            Claims = LoadIfThere(files, AuthorityPurpose.Claims, secrets),
            Secrets = secrets,
            DnsSuffixes = dnsSuffixes,
            Files = files,
            Created = created,
            ServicesAdded = servicesAdded,
            ClaimsAdded = claimsAdded,
        };
        Check(authorities, clock);
        return authorities;
    }

    private static IssuerKey Load(AuthorityFiles files, AuthorityPurpose purpose, KeySecrets secrets) =>
        IssuerKey.Load(files.Certificate(purpose), files.Key(purpose), secrets);

    private static IssuerKey? LoadIfThere(AuthorityFiles files, AuthorityPurpose purpose, KeySecrets secrets) =>
        File.Exists(files.Certificate(purpose)) ? Load(files, purpose, secrets) : null;

    /// <summary>To a folder made before there was such an authority. Nothing that is there is touched; the certificate comes last and makes the pair count.</summary>
    private static bool Add(AuthorityPurpose purpose, AuthorityFiles files, FleetNames names, IssuerKey rootKey, TimeProvider clock, KeySecrets secrets)
    {
        if (File.Exists(files.Certificate(purpose))) return false;
        using var added = AuthorityCertificate.Create(purpose, names, rootKey, clock.GetUtcNow());
        PemFile.WhileWriting(files.Folder, () => added.Save(files.Certificate(purpose), files.Key(purpose), secrets));
        return true;
    }

    private static void Check(FleetAuthorities authorities, TimeProvider clock)
    {
        var (files, names) = (authorities.Files!, authorities.Names);
        var startOver = $"move {files.Folder} away to start with new authorities, after which every device must enrol again";
        CheckIssuer(files.DevicesCertificate, authorities.Devices, KeyPurpose.ClientAuth, authorities, startOver, clock);
        CheckIssuer(files.ServersCertificate, authorities.Servers, KeyPurpose.ServerAuth, authorities, startOver, clock);
        // Folders made before there was an authority for services let the one for devices name both.
        CheckFleet(files.DevicesCertificate, authorities.Devices, names, [names.DeviceHost], [names.DeviceHost, names.ServiceHost]);

        if (authorities.Services is { } services)
        {
            CheckIssuer(files.ServicesCertificate, services, KeyPurpose.ClientAuth, authorities, MakeAnew("service"), clock);
            CheckFleet(files.ServicesCertificate, services, names, [names.ServiceHost]);
        }
        if (authorities.Claims is { } claims)
        {
            // It lives a year only; that devices already enrolled connect must not hang on it.
            CheckIssuer(files.ClaimsCertificate, claims, KeyPurpose.ClientAuth, authorities, whenExpired: null, clock);
            CheckFleet(files.ClaimsCertificate, claims, names, [names.ClaimHost]);
        }

        string MakeAnew(string holder) =>
            $"move it and {files.ServicesKey} away; a start with {files.RootKey} in place makes new ones, after which every {holder} needs a new certificate";
    }

    private static void CheckIssuer(
        string file, IssuerKey issuer, string purpose, FleetAuthorities authorities, string? whenExpired, TimeProvider clock)
    {
        var certificate = issuer.Certificate;
        if (!IssuedBy(authorities.Root, certificate, clock))
            throw new KeyFileException(file, $"was not issued by {authorities.Files!.RootCertificate}", "restore the whole folder from one backup");
        if (!KeyPurpose.IsGranted(certificate, purpose))
            throw new KeyFileException(file, "is an authority for another purpose", "restore the whole folder from one backup");
        if (whenExpired is not null && clock.GetUtcNow() > certificate.NotAfter && !HasSuccessor(file))
            throw new KeyFileException(file, $"expired at {certificate.NotAfter.ToUniversalTime():u}", whenExpired);
    }

    /// <summary>A later generation has taken its place, or soon will; the first one's files stay.</summary>
    private static bool HasSuccessor(string file) =>
        Directory.EnumerateFiles(Path.GetDirectoryName(file)!, Path.GetFileNameWithoutExtension(file) + "-*.pem").Any();

    private static void CheckFleet(string file, IssuerKey issuer, FleetNames names, params ReadOnlySpan<string[]> allowedHosts)
    {
        var found = issuer.Certificate.Extensions.FirstOrDefault(extension => extension.Oid?.Value == Oids.NameConstraints);
        foreach (var hosts in allowedHosts)
        {
            if (found is not null && found.RawData.AsSpan().SequenceEqual(new PermittedNames(hosts, []).Encode())) return;
        }
        throw new KeyFileException(file, $"belongs to another fleet than {names.Domain}, or to another kind of holder",
            "start with the domain it was made for, or with another folder");
    }

    internal static bool IssuedBy(X509Certificate2 root, X509Certificate2 issuer, TimeProvider clock)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy = TrustPolicy.For(root, [], clock);
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid; // Its own message, above.
        return chain.Build(issuer);
    }
}
