using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// One root vouching for another while they change places (RFC 4210 4.4): whoever trusts only the one finds a way to what the other has signed.
/// Name, key and key identifier are the other root's, so that it stands in a chain where the root itself would.
/// </summary>
public static class CrossCertificate
{
    private static readonly TimeSpan Backdate = TimeSpan.FromDays(1);

    /// <param name="signer">The root that vouches.</param>
    /// <param name="root">The root it vouches for.</param>
    public static X509Certificate2 Create(IssuerKey signer, X509Certificate2 root, TimeProvider clock)
    {
        var request = new CertificateRequest(root.SubjectName, root.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 1, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(Convert.FromHexString(AuthorityId.Of(root)), critical: false));
        request.CertificateExtensions.Add(LeafExtensions.AuthorityKey(signer.Certificate));
        var (from, until) = Life(signer.Certificate, root, clock.GetUtcNow());
        return signer.Sign(generator => request.Create(signer.Certificate.SubjectName, generator, from, until, SerialNumber.Create().Bytes.Span));
    }

    /// <summary>As long as both live.</summary>
    private static (DateTimeOffset From, DateTimeOffset Until) Life(X509Certificate2 signer, X509Certificate2 root, DateTimeOffset now)
    {
        var from = new[] { now - Backdate, signer.NotBefore.ToUniversalTime(), root.NotBefore.ToUniversalTime() }.Max();
        var until = new DateTimeOffset[] { signer.NotAfter.ToUniversalTime(), root.NotAfter.ToUniversalTime() }.Min();
        return (DateTimeOffset.FromUnixTimeSeconds(from.ToUnixTimeSeconds()), until);
    }
}
