using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A root vouching for another root (RFC 4210 4.4), or for an authority that another root has signed, while the two change places: whoever trusts only the one
/// finds a way to what the other has signed. Name, key and key identifier are the original's, so that it stands in a chain where that one would.
/// </summary>
/// <remarks>
/// A server shows one chain to everybody, since it does not know what its peer trusts: certificate, its authority as the old root has signed it, and the old root as
/// the new one has. Who trusts the old root stops at it; who trusts the new one goes on to that. So the new root needs a path length of 2: below it are the old root
/// and the authority. The other way round, through the new root signed by the old one, it would be the old root that needs it, and those made before have 1.
/// </remarks>
public static class CrossCertificate
{
    private static readonly TimeSpan Backdate = TimeSpan.FromDays(1);

    /// <param name="signer">The root that vouches.</param>
    /// <param name="original">The certificate whose holder it vouches for; what it says is said again, but for who signed it and how long.</param>
    public static X509Certificate2 Create(IssuerKey signer, X509Certificate2 original, TimeProvider clock)
    {
        var request = new CertificateRequest(original.SubjectName, original.PublicKey, HashAlgorithmName.SHA256);
        foreach (var extension in original.Extensions.Where(extension => extension.Oid!.Value != Oids.AuthorityKeyIdentifier)) request.CertificateExtensions.Add(extension);
        request.CertificateExtensions.Add(LeafExtensions.AuthorityKey(signer.Certificate));
        var (from, until) = Life(signer.Certificate, original, clock.GetUtcNow());
        return signer.Sign(generator => request.Create(signer.Certificate.SubjectName, generator, from, until, SerialNumber.Create().Bytes.Span));
    }

    /// <summary>As long as both live.</summary>
    private static (DateTimeOffset From, DateTimeOffset Until) Life(X509Certificate2 signer, X509Certificate2 original, DateTimeOffset now)
    {
        var from = new[] { now - Backdate, signer.NotBefore.ToUniversalTime(), original.NotBefore.ToUniversalTime() }.Max();
        var until = new DateTimeOffset[] { signer.NotAfter.ToUniversalTime(), original.NotAfter.ToUniversalTime() }.Min();
        return (DateTimeOffset.FromUnixTimeSeconds(from.ToUnixTimeSeconds()), until);
    }
}
