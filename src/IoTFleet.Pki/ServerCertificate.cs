using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>The server's own certificate with its key, kept in two files and renewed when it is due.</summary>
public sealed class ServerCertificate : IDisposable
{
    private static readonly string[] Loopback = ["localhost", "127.0.0.1", "::1"];

    private ServerCertificate(X509Certificate2 certificate, bool created)
    {
        Certificate = certificate;
        Created = created;
    }

    /// <summary>With its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>True when this call made it, false when it found a good one.</summary>
    public bool Created { get; }

    /// <summary>
    /// Uses <c>server.pem</c> and <c>server.key</c> of the folder unless they are absent, near their end (a third of the life left)
    /// or lack a wanted host; loopback names are always wanted.
    /// </summary>
    /// <param name="certify">Has the authority issue what the terms say, and its record written; before anything is kept.</param>
    /// <param name="isOurs">Whether an authority, by its id, is another generation of the one that signs now: its certificate is replaced.</param>
    /// <param name="isKnown">Whether a certificate that is there is on record; one that is not is replaced.</param>
    /// <exception cref="KeyFileException">A file is there but is not ours to replace, or cannot be read.</exception>
    public static async Task<ServerCertificate> LoadOrCreateAsync(
        string folder, IReadOnlyCollection<string> hosts, CertificateAuthority servers, TimeProvider clock, Func<LeafTerms, Task<IssuedLeaf>> certify, Func<string, bool>? isOurs = null,
        Func<SerialNumber, Task<bool>>? isKnown = null)
    {
        var certificateFile = Path.Combine(folder, "server.pem");
        var keyFile = Path.Combine(folder, "server.key");
        var wanted = hosts.Concat(Loopback).Select(host => host.ToLowerInvariant()).Distinct().ToArray();

        var found = TryLoad(certificateFile, keyFile, servers, wanted, clock, isOurs);
        if (found is not null && isKnown is not null && !await isKnown(SerialNumber.Of(found)))
        {
            found.Dispose();
            found = null;
        }
        return found is null
            ? new ServerCertificate(await CreateAsync(folder, certificateFile, keyFile, wanted, servers, certify), created: true)
            : new ServerCertificate(found, created: false);
    }

    /// <summary>When the certificate should be replaced: a third of its life is left.</summary>
    public static DateTimeOffset RenewalTime(X509Certificate2 certificate)
    {
        var life = certificate.NotAfter - certificate.NotBefore;
        return new DateTimeOffset(certificate.NotAfter).ToUniversalTime() - (life / 3);
    }

    public void Dispose() => Certificate.Dispose();

    private static X509Certificate2? TryLoad(
        string certificateFile, string keyFile, CertificateAuthority servers, string[] wanted, TimeProvider clock, Func<string, bool>? isOurs)
    {
        if (!File.Exists(certificateFile)) return null;
        using var certificate = PemFile.ReadCertificate(certificateFile);

        // Never overwrite a certificate that somebody else put there.
        if (AuthorityId.OfIssuer(certificate) != servers.Id)
        {
            if (isOurs?.Invoke(AuthorityId.OfIssuer(certificate)) == true) return null; // Of another generation of the same authority.
            throw new KeyFileException(certificateFile, "was not issued by this fleet's server authority",
                $"move it and {keyFile} away to have new ones made");
        }

        if (!File.Exists(keyFile)) return null;
        using var key = PemFile.ReadKey(keyFile);
        // A crash between the two renames leaves a mismatched pair; making a new one costs nothing.
        if (!PemFile.BelongTogether(certificate, key)) return null;
        if (clock.GetUtcNow() >= RenewalTime(certificate) || !Covers(certificate, wanted)) return null;
        return Join(certificate, key);
    }

    private static async Task<X509Certificate2> CreateAsync(
        string folder, string certificateFile, string keyFile, string[] hosts, CertificateAuthority servers, Func<LeafTerms, Task<IssuedLeaf>> certify)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = (await certify(LeafTerms.ForServer(hosts, key.ExportSubjectPublicKeyInfo()))).Load();
        PemFile.WhileWriting(folder, () =>
        {
            PemFile.CreateSecretFolder(folder);
            PemFile.WriteSecret(keyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
            PemFile.WritePublic(certificateFile, certificate.ExportCertificatePem() + "\n" + servers.Certificate.ExportCertificatePem() + "\n");
        });
        return Join(certificate, key);
    }

    private static bool Covers(X509Certificate2 certificate, string[] wanted)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        var addresses = names.EnumerateIPAddresses().ToHashSet();
        var hosts = names.EnumerateDnsNames().ToHashSet(StringComparer.OrdinalIgnoreCase);
        return wanted.All(host => IPAddress.TryParse(host, out var address) ? addresses.Contains(address) : hosts.Contains(host));
    }

    private static X509Certificate2 Join(X509Certificate2 certificate, ECDsa key)
    {
        var joined = certificate.CopyWithPrivateKey(key);
        if (!OperatingSystem.IsWindows()) return joined;
        // Windows' TLS cannot use a key that lives in memory only.
        using (joined) return X509CertificateLoader.LoadPkcs12(joined.Export(X509ContentType.Pkcs12), password: null);
    }
}
