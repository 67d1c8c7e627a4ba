using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A root that never comes near a server. On a machine of its own: make the root, sign requests. On the server: make a request,
/// install what came back. Only requests and certificates travel.
/// </summary>
public static class OfflineCeremony
{
    /// <summary>Writes <c>root.key</c> and <c>root.pem</c>.</summary>
    /// <exception cref="KeyFileException">There is a root already, or the folder cannot be written.</exception>
    public static X509Certificate2 CreateRoot(string folder, FleetNames names, TimeProvider clock, KeySecrets secrets, bool p384 = false)
    {
        var files = new AuthorityFiles(folder);
        RefuseToReplace(files.RootCertificate);
        RefuseToReplace(files.RootKey);
        using var root = RootCeremony.NewRoot(names, clock, p384);
        PemFile.WhileWriting(folder, () =>
        {
            PemFile.CreateSecretFolder(folder);
            root.Save(files.RootCertificate, files.RootKey, secrets);
        });
        return root.Certificate;
    }

    /// <summary>Makes a key and writes a request for it: <c>devices.key</c> and <c>devices.csr</c>. A key that waits for its certificate is used again.</summary>
    public static (AuthorityRequest Request, string File) CreateRequest(string folder, AuthorityPurpose purpose, FleetNames names, KeySecrets secrets)
    {
        var files = new AuthorityFiles(folder);
        RefuseToReplace(files.Certificate(purpose));
        using var key = files.HasKey(purpose) ? ReadKey(files.Key(purpose), secrets) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        PemFile.WhileWriting(folder, () =>
        {
            PemFile.CreateSecretFolder(folder);
            if (!files.HasKey(purpose)) PemFile.WriteSecret(files.Key(purpose), IssuerKey.KeyPem(key, secrets));
            PemFile.WritePublic(files.Request(purpose), AuthorityRequest.CreatePem(purpose, names, key));
        });
        return (new AuthorityRequest(purpose, names, key.ExportSubjectPublicKeyInfo()), files.Request(purpose));
    }

    /// <summary>On the root's machine. Names, usages, constraints and life are the profile's; the request gives the key alone.</summary>
    /// <exception cref="KeyFileException">The root cannot be used, or is another fleet's.</exception>
    /// <exception cref="ProfileViolationException">What was asked for does not fit the profile; nothing was signed.</exception>
    public static X509Certificate2 Sign(
        string rootFolder, AuthorityRequest request, TimeProvider clock, KeySecrets secrets, params IReadOnlyList<string> dnsSuffixes)
    {
        var files = new AuthorityFiles(rootFolder);
        using var root = IssuerKey.Load(files.RootCertificate, files.RootKey, secrets);
        if (root.Facts.Organization != request.Names.Domain)
            throw new KeyFileException(files.RootCertificate, $"is the root of the fleet {root.Facts.Organization}, the request is for {request.Names.Domain}", "use that fleet's root");
        if (root.Certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(request.SubjectPublicKeyInfo.Span))
            throw new KeyFileException(files.RootKey, "is the key that the request is for", "make a request with a key of its own");
        return AuthorityCertificate.Issue(request.Purpose, request.Names, request.SubjectPublicKeyInfo, root, clock.GetUtcNow(), dnsSuffixes).Load();
    }

    /// <summary>On the root's machine: which of its authorities are revoked. For as long as it is believed the root need not be brought out again.</summary>
    /// <param name="number">Above that of the list before. Null for the time in seconds, by which servers that have the root's key number theirs.</param>
    /// <exception cref="KeyFileException">The root cannot be used.</exception>
    /// <exception cref="CrlRefusedException">What was asked for breaks a rule; nothing was signed.</exception>
    public static RootList SignCrl(string rootFolder, IReadOnlyCollection<RevokedCertificate> revoked, long? number, TimeSpan life, TimeProvider clock, KeySecrets secrets)
    {
        var files = new AuthorityFiles(rootFolder);
        using var root = IssuerKey.Load(files.RootCertificate, files.RootKey, secrets);
        var now = DateTimeOffset.FromUnixTimeSeconds(clock.GetUtcNow().ToUnixTimeSeconds());
        var list = new RevocationList { Number = number ?? now.ToUnixTimeSeconds(), ThisUpdate = now, NextUpdate = now + life, Entries = revoked, OfAuthorities = true };
        return new RootList(list, new CertificateAuthority(root, clock).SignCrl(list));
    }

    /// <summary>Puts a certificate from the root's machine into a CA folder: the root's own first, then those of the issuing authorities.</summary>
    /// <returns>The file written.</returns>
    /// <exception cref="KeyFileException">It does not belong there; nothing was written.</exception>
    public static string Install(string folder, string certificateFile, TimeProvider clock, KeySecrets secrets)
    {
        var files = new AuthorityFiles(folder);
        using var certificate = PemFile.ReadCertificate(certificateFile);
        var purpose = Examine(certificate, certificateFile, files, clock, secrets);
        RefuseToReplace(files.Certificate(purpose));
        PemFile.WhileWriting(folder, () =>
        {
            PemFile.CreateSecretFolder(folder);
            PemFile.WritePublic(files.Certificate(purpose), certificate.ExportCertificatePem() + "\n");
        });
        return files.Certificate(purpose);
    }

    /// <summary>Encrypts the keys that lie in the folder in the clear.</summary>
    /// <returns>The files rewritten.</returns>
    public static IReadOnlyList<string> EncryptKeys(string folder, KeySecrets secrets)
    {
        if (!secrets.HasPassphrase) throw new KeyFileException(folder, "cannot be encrypted without a passphrase", KeySecrets.Ways);
        if (!Directory.Exists(folder)) throw new KeyFileException(folder, "is missing", "name the CA folder");
        var plain = Directory.GetFiles(folder, "*.key").Where(file => !PemFile.IsEncrypted(PemFile.ReadText(file))).Order().ToList();
        foreach (var file in plain)
        {
            using var key = PemFile.ReadKey(file);
            PemFile.WhileWriting(folder, () => PemFile.WriteSecret(file, IssuerKey.KeyPem(key, secrets)));
        }
        return plain;
    }

    private static AuthorityPurpose Examine(X509Certificate2 certificate, string file, AuthorityFiles files, TimeProvider clock, KeySecrets secrets)
    {
        if (certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData)) return AuthorityPurpose.Root;
        using var root = PemFile.ReadCertificate(files.RootCertificate);
        if (!RootCeremony.IssuedBy(root, certificate, clock))
            throw new KeyFileException(file, $"was not issued by {files.RootCertificate}", "install the root that signed it, or have it signed by this one");
        foreach (var purpose in Enum.GetValues<AuthorityPurpose>().Where(purpose => purpose != AuthorityPurpose.Root && files.HasKey(purpose)))
        {
            using var key = ReadKey(files.Key(purpose), secrets);
            if (PemFile.BelongTogether(certificate, key)) return purpose;
        }
        throw new KeyFileException(file, $"is for no key in {files.Folder}", "make the request in the folder where the certificate is to be installed");
    }

    private static ECDsa ReadKey(string keyFile, KeySecrets secrets) => File.Exists(keyFile)
        ? PemFile.ReadKey(keyFile, secrets)
        : TokenKey.Open(PemFile.ReadText(keyFile + IssuerKey.UriSuffix).Trim(), secrets, keyFile + IssuerKey.UriSuffix);

    private static void RefuseToReplace(string file)
    {
        if (File.Exists(file)) throw new KeyFileException(file, "is there already", "move it away first if it is to be replaced");
    }
}
