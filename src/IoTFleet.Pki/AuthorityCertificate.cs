using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>The certificates of the authorities themselves: ordered, linted and signed as every other.</summary>
internal static class AuthorityCertificate
{
    private const int RootYears = 20;

    // A day, so that a leaf with the longest backdating still lies within its issuer's life.
    private static readonly TimeSpan Backdate = TimeSpan.FromDays(1);

    public static IssuerKey CreateRoot(FleetNames names, DateTimeOffset now, bool p384 = false)
    {
        var key = ECDsa.Create(p384 ? ECCurve.NamedCurves.nistP384 : ECCurve.NamedCurves.nistP256);
        var order = Order(Profile.Root, names, key.ExportSubjectPublicKeyInfo(), now, RootYears);
        var facts = IssuerFacts.OfRoot(order, new PublicKey(key));
        var toBeSigned = CertificateAuthority.Linted(order, facts, now);
        var signature = key.SignData(toBeSigned, facts.Hash, DSASignatureFormat.Rfc3279DerSequence);
        var certificate = SignedDocument.Assemble(toBeSigned, facts.SignatureAlgorithm, signature);
        return new IssuerKey(X509CertificateLoader.LoadCertificate(certificate), key);
    }

    /// <param name="dnsSuffixes">Of an authority for servers: the only DNS names it may issue for, and those below them. Empty: any.</param>
    public static IssuerKey Create(AuthorityPurpose purpose, FleetNames names, IssuerKey root, DateTimeOffset now, params IReadOnlyList<string> dnsSuffixes)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var issued = Issue(purpose, names, key.ExportSubjectPublicKeyInfo(), root, now, dnsSuffixes);
        return new IssuerKey(issued.Load(), key);
    }

    /// <summary>For a key that is kept elsewhere.</summary>
    /// <exception cref="ProfileViolationException">The key or a name does not fit the profile.</exception>
    public static IssuedLeaf Issue(
        AuthorityPurpose purpose, FleetNames names, ReadOnlyMemory<byte> subjectPublicKeyInfo, IssuerKey root, DateTimeOffset now,
        params IReadOnlyList<string> dnsSuffixes)
    {
        var order = Order(ProfileOf(purpose), names, subjectPublicKeyInfo, now, YearsOf(purpose));
        var (first, last) = (root.Facts.NotBefore, root.Facts.NotAfter);
        if (now > last) throw new InvalidOperationException($"The authority {root.Certificate.Subject} expired at {last:u} and cannot issue.");
        order = order with
        {
            NotBefore = order.NotBefore < first ? first : order.NotBefore,
            NotAfter = order.NotAfter < last ? order.NotAfter : last,
            DnsSuffixes = purpose == AuthorityPurpose.Servers ? dnsSuffixes : [],
        };
        return CertificateAuthority.Prepare(root, order, now).Redeem();
    }

    public static Profile ProfileOf(AuthorityPurpose purpose) => purpose switch
    {
        AuthorityPurpose.Root => Profile.Root,
        AuthorityPurpose.Devices => Profile.DeviceAuthority,
        AuthorityPurpose.Claims => Profile.ClaimAuthority,
        AuthorityPurpose.Servers => Profile.ServerAuthority,
        AuthorityPurpose.Services => Profile.ServiceAuthority,
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, null),
    };

    private static int YearsOf(AuthorityPurpose purpose) => purpose switch
    {
        AuthorityPurpose.Claims => 1,
        AuthorityPurpose.Servers => 2,
        _ => 3,
    };

    private static CertificateOrder Order(Profile profile, FleetNames names, ReadOnlyMemory<byte> subjectPublicKeyInfo, DateTimeOffset now, int years)
    {
        var start = DateTimeOffset.FromUnixTimeSeconds((now - Backdate).ToUnixTimeSeconds());
        return new CertificateOrder
        {
            Profile = profile,
            Serial = SerialNumber.Create(),
            NotBefore = start,
            NotAfter = start.AddYears(years).AddSeconds(-1), // The last second is inside the life. RFC 5280 4.1.2.5
            SubjectPublicKeyInfo = subjectPublicKeyInfo,
            CommonName = $"{RoleOf(profile)} {SerialNumber.Create().Hex[..8]}", // Unique in each generation: a chain is searched by name first, and two CAs of one name break it.
            Organization = names.Domain,
        };
    }

    private static string RoleOf(Profile profile) => profile switch
    {
        Profile.Root => "Root CA",
        Profile.DeviceAuthority => "Device CA",
        Profile.ClaimAuthority => "Claim CA",
        Profile.ServerAuthority => "Server CA",
        _ => "Service CA",
    };
}
