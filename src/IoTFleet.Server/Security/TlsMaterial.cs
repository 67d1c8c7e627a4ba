using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>
/// What handshakes need of one trust snapshot and one server certificate, built once for both: a TLS context for each connection would leak native certificates.
/// </summary>
internal sealed class TlsMaterial
{
    // More would make every handshake on the HTTPS port longer than it is worth.
    private const int MaxNamedManufacturers = 20;

    private readonly HashSet<X509Certificate2> _ours;

    private TlsMaterial(TrustSnapshot trust, X509Certificate2 serverCertificate, bool staple)
    {
        (Trust, ServerCertificate) = (trust, serverCertificate);
        // Clients send their leaf alone. The servers' authority is here so that its certificates are refused for what they are.
        Issuers = [.. trust.Issuers.Select(authority => authority.Certificate)];
        ManufacturerRoots = [.. trust.Manufacturers.Where(manufacturer => manufacturer.IsRoot).Select(manufacturer => manufacturer.Certificate)];
        OtherManufacturers = [.. trust.Manufacturers.Where(manufacturer => !manufacturer.IsRoot).Select(manufacturer => manufacturer.Certificate)];
        _ours = new HashSet<X509Certificate2>([.. Issuers, .. OtherManufacturers], ReferenceEqualityComparer.Instance);

        X509Certificate2Collection chain = [.. ChainOf(trust, serverCertificate)];
        // .NET fetches an answer beside the handshakes, from the address in our own certificate, and only when the chain reaches a root that is given, too.
        if (staple && trust.CommonRoot is { } root) chain.Add(root.Certificate);
        Plain = SslStreamCertificateContext.Create(serverCertificate, chain, offline: !staple);
        // Browsers offer their user only certificates of the authorities that a server names. Elsewhere .NET cannot send the list.
        NamingIssuers = OperatingSystem.IsLinux()
            ? SslStreamCertificateContext.Create(serverCertificate, chain, offline: !staple, SslCertificateTrust.CreateForX509Collection([.. Named(trust)], sendTrustInHandshake: true))
            : Plain;
    }

    public TrustSnapshot Trust { get; }
    public X509Certificate2 ServerCertificate { get; }
    public IReadOnlyList<X509Certificate2> Issuers { get; }
    public IReadOnlyList<X509Certificate2> ManufacturerRoots { get; }
    public IReadOnlyList<X509Certificate2> OtherManufacturers { get; }

    /// <summary>Our certificate and what is above it.</summary>
    public SslStreamCertificateContext Plain { get; }

    /// <summary>The same, and the names of those whose certificates clients may show.</summary>
    public SslStreamCertificateContext NamingIssuers { get; }

    public static TlsMaterial Build(TrustSnapshot trust, X509Certificate2 serverCertificate, bool staple) => new(trust, serverCertificate, staple);

    public bool Owns(X509Certificate2 certificate) => _ours.Contains(certificate);

    /// <summary>
    /// The authority; while roots change places as the old root has signed it, and then the old root as the new one has signed it: who trusts the old root stops at
    /// it, who trusts only the new one goes on. The authority as both have signed it cannot be sent: who verifies a chain takes the first that fits and does not come
    /// back to the other.
    /// </summary>
    private static IEnumerable<X509Certificate2> ChainOf(TrustSnapshot trust, X509Certificate2 serverCertificate)
    {
        if (trust.Find(AuthorityId.OfIssuer(serverCertificate)) is not { } issuer || trust.CommonRoot is not { } common) yield break;
        var byCommon = CrossSigned(trust, issuer, by: common);
        yield return byCommon ?? issuer.Certificate;
        if (byCommon is null && !issuer.IsIssuedBy(common)) yield break; // The old root's key was away when it was to sign: nothing leads on from there.
        var newer = trust.All.LastOrDefault(root => root is { Purpose: AuthorityPurpose.Root, IsInBundle: true } && root.Id != common.Id);
        if (newer is not null && CrossSigned(trust, common, by: newer) is { } bridge) yield return bridge;
    }

    private static X509Certificate2? CrossSigned(TrustSnapshot trust, AuthorityGeneration holder, AuthorityGeneration by) =>
        trust.Cross.FirstOrDefault(cross => AuthorityId.Of(cross) == holder.Id && AuthorityId.OfIssuer(cross) == by.Id);

    private static IEnumerable<X509Certificate2> Named(TrustSnapshot trust) =>
    [
        .. trust.Issuers.Where(authority => authority.Purpose is AuthorityPurpose.Devices or AuthorityPurpose.Services or AuthorityPurpose.Claims)
            .OrderBy(authority => authority.Purpose).Select(authority => authority.Certificate),
        .. trust.Manufacturers.Take(MaxNamedManufacturers).Select(manufacturer => manufacturer.Certificate),
    ];
}
