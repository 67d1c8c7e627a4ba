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
        var authorities = new FleetAuthorities
        {
            Names = names,
            Root = root,
            RootKey = File.Exists(files.RootKey) ? IssuerKey.Load(files.RootCertificate, files.RootKey) : null,
            Devices = IssuerKey.Load(files.DevicesCertificate, files.DevicesKey),
            Servers = IssuerKey.Load(files.ServersCertificate, files.ServersKey),
            Files = files,
            Created = created,
        };
        CheckIssuer(files.DevicesCertificate, authorities.Devices.Certificate, KeyPurpose.ClientAuth, files, root, clock);
        CheckIssuer(files.ServersCertificate, authorities.Servers.Certificate, KeyPurpose.ServerAuth, files, root, clock);
        CheckFleet(files.DevicesCertificate, authorities.Devices.Certificate, names);
        return authorities;
    }

    private static void CheckIssuer(
        string file, X509Certificate2 issuer, string purpose, AuthorityFiles files, X509Certificate2 root, TimeProvider clock)
    {
        if (!IssuedBy(root, issuer, clock))
            throw new KeyFileException(file, $"was not issued by {files.RootCertificate}", "restore the whole folder from one backup");
        if (!KeyPurpose.IsGranted(issuer, purpose))
            throw new KeyFileException(file, "is an authority for another purpose", "restore the whole folder from one backup");
        if (clock.GetUtcNow() > issuer.NotAfter)
            throw new KeyFileException(file, $"expired at {issuer.NotAfter.ToUniversalTime():u}",
                $"move {files.Folder} away to start with new authorities, after which every device must enrol again");
    }

    private static void CheckFleet(string file, X509Certificate2 devices, FleetNames names)
    {
        var wanted = AuthorityCertificate.DeviceNameConstraints(names).RawData;
        var found = devices.Extensions.FirstOrDefault(extension => extension.Oid?.Value == Oids.NameConstraints);
        if (found is not null && found.RawData.AsSpan().SequenceEqual(wanted)) return;
        throw new KeyFileException(file, $"belongs to another fleet than {names.Domain}",
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
