using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>Makes a fleet's authorities once and finds them again at each later start.</summary>
public static class RootCeremony
{
    /// <exception cref="KeyFileException">The folder holds some files but not a whole, matching set.</exception>
    public static FleetAuthorities LoadOrCreate(string folder, FleetNames names, TimeProvider clock)
    {
        var files = new AuthorityFiles(folder);
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()) return Load(files, names, clock);
        PemFile.WhileWriting(folder, () => Write(files, names, clock));
        return Load(files, names, clock, created: true);
    }

    /// <summary>Makes authorities that live in memory only.</summary>
    public static FleetAuthorities Create(FleetNames names, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var root = AuthorityCertificate.CreateRoot(names, now);
        return new FleetAuthorities
        {
            Names = names,
            Root = X509CertificateLoader.LoadCertificate(root.Certificate.RawData),
            RootKey = root,
            Devices = AuthorityCertificate.CreateDeviceIssuer(names, root, now),
            Servers = AuthorityCertificate.CreateServerIssuer(names, root, now),
            Services = AuthorityCertificate.CreateServiceIssuer(names, root, now),
            Created = true,
        };
    }

    /// <summary>All files appear at once, by renaming their folder: a crash leaves either nothing or everything.</summary>
    private static void Write(AuthorityFiles files, FleetNames names, TimeProvider clock)
    {
        var draft = new AuthorityFiles(files.Folder.TrimEnd(Path.DirectorySeparatorChar) + ".new");
        if (Directory.Exists(draft.Folder)) Directory.Delete(draft.Folder, recursive: true);
        PemFile.CreateSecretFolder(draft.Folder);

        using var authorities = Create(names, clock);
        Write(authorities.RootKey!, draft.RootCertificate, draft.RootKey);
        Write(authorities.Devices, draft.DevicesCertificate, draft.DevicesKey);
        Write(authorities.Servers, draft.ServersCertificate, draft.ServersKey);
        Write(authorities.Services!, draft.ServicesCertificate, draft.ServicesKey);

        if (Directory.Exists(files.Folder)) Directory.Delete(files.Folder); // Empty, or we would be loading.
        Directory.Move(draft.Folder, files.Folder);
    }

    private static void Write(IssuerKey issuer, string certificateFile, string keyFile)
    {
        PemFile.WriteSecret(keyFile, issuer.ExportKeyPem() + "\n");
        PemFile.WritePublic(certificateFile, issuer.Certificate.ExportCertificatePem() + "\n");
    }

    private static FleetAuthorities Load(AuthorityFiles files, FleetNames names, TimeProvider clock, bool created = false)
    {
        var root = PemFile.ReadCertificate(files.RootCertificate);
        var rootKey = File.Exists(files.RootKey) ? IssuerKey.Load(files.RootCertificate, files.RootKey) : null;
        var servicesAdded = rootKey is not null && AddServices(files, names, rootKey, clock);
        var authorities = new FleetAuthorities
        {
            Names = names,
            Root = root,
            RootKey = rootKey,
            Devices = IssuerKey.Load(files.DevicesCertificate, files.DevicesKey),
            Servers = IssuerKey.Load(files.ServersCertificate, files.ServersKey),
            Services = File.Exists(files.ServicesCertificate) ? IssuerKey.Load(files.ServicesCertificate, files.ServicesKey) : null,
            Files = files,
            Created = created,
            ServicesAdded = servicesAdded,
        };
        Check(authorities, clock);
        return authorities;
    }

    /// <summary>To a folder made before there were services. Nothing that is there is touched; the certificate comes last and makes the pair count.</summary>
    private static bool AddServices(AuthorityFiles files, FleetNames names, IssuerKey rootKey, TimeProvider clock)
    {
        if (File.Exists(files.ServicesCertificate)) return false;
        using var services = AuthorityCertificate.CreateServiceIssuer(names, rootKey, clock.GetUtcNow());
        PemFile.WhileWriting(files.Folder, () => Write(services, files.ServicesCertificate, files.ServicesKey));
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

        if (authorities.Services is not { } services) return;
        var makeAnew = $"move it and {files.ServicesKey} away; a start with {files.RootKey} in place makes new ones, after which every service needs a new certificate";
        CheckIssuer(files.ServicesCertificate, services, KeyPurpose.ClientAuth, authorities, makeAnew, clock);
        CheckFleet(files.ServicesCertificate, services, names, [names.ServiceHost]);
    }

    private static void CheckIssuer(
        string file, IssuerKey issuer, string purpose, FleetAuthorities authorities, string whenExpired, TimeProvider clock)
    {
        var certificate = issuer.Certificate;
        if (!IssuedBy(authorities.Root, certificate, clock))
            throw new KeyFileException(file, $"was not issued by {authorities.Files!.RootCertificate}", "restore the whole folder from one backup");
        if (!KeyPurpose.IsGranted(certificate, purpose))
            throw new KeyFileException(file, "is an authority for another purpose", "restore the whole folder from one backup");
        if (clock.GetUtcNow() > certificate.NotAfter)
            throw new KeyFileException(file, $"expired at {certificate.NotAfter.ToUniversalTime():u}", whenExpired);
    }

    private static void CheckFleet(string file, IssuerKey issuer, FleetNames names, params ReadOnlySpan<string[]> allowedHosts)
    {
        var found = issuer.Certificate.Extensions.FirstOrDefault(extension => extension.Oid?.Value == Oids.NameConstraints);
        foreach (var hosts in allowedHosts)
        {
            if (found is not null && found.RawData.AsSpan().SequenceEqual(AuthorityCertificate.NameConstraints(hosts).RawData)) return;
        }
        throw new KeyFileException(file, $"belongs to another fleet than {names.Domain}, or to another kind of holder",
            "start with the domain it was made for, or with another folder");
    }

    private static bool IssuedBy(X509Certificate2 root, X509Certificate2 issuer, TimeProvider clock)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy = TrustPolicy.For(root, [], clock);
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid; // Its own message, above.
        return chain.Build(issuer);
    }
}
