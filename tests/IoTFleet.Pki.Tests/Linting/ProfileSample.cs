using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki.Linting;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests.Linting;

/// <summary>A good order of each profile with all it may carry, and the authority that would issue it.</summary>
internal sealed record ProfileSample(CertificateOrder Order, IssuerFacts Issuer)
{
    public static readonly DateTimeOffset Now = new(2027, 3, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly FleetNames Names = new("fleet.local");

    private static readonly FleetAuthorities Authorities = RootCeremony.Create(Names, new FakeClock(Now.AddDays(-100)));
    private static readonly FleetAuthorities Others = RootCeremony.Create(Names, new FakeClock(Now.AddDays(-50)));
    private static readonly IssuerKey BoundServers = AuthorityCertificate.Create(AuthorityPurpose.Servers, Names, Authorities.RootKey!, Now.AddDays(-100), "fleet.example");
    private static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public static TheoryData<Profile> All => [.. Enum.GetValues<Profile>()];

    public static ProfileSample Of(Profile profile)
    {
        var order = OrderOf(profile);
        return new ProfileSample(order, profile == Profile.Root ? IssuerFacts.OfRoot(order, new PublicKey(Key)) : IssuerOf(profile).Facts);
    }

    public byte[] ToBeSigned() => CertificateContent.Encode(Order, Issuer);

    public IReadOnlyList<LintFinding> Lint(byte[] certificate) => CertificateLint.Check(certificate, Order, Issuer, Now);

    /// <summary>As the product does it: encoded as ordered, then linted.</summary>
    public IReadOnlyList<LintFinding> LintOrder()
    {
        try
        {
            CertificateAuthority.Linted(Order, Issuer, Now);
            return [];
        }
        catch (ProfileViolationException refused)
        {
            return refused.Findings;
        }
    }

    private static IssuerKey IssuerOf(Profile profile) => profile switch
    {
        Profile.Device or Profile.OcspResponder => Authorities.Devices,
        Profile.Claim => Authorities.Claims!,
        Profile.Service => Authorities.Services!,
        Profile.Server => Authorities.Servers,
        Profile.CrossRoot or Profile.CrossServerAuthority => Others.RootKey!,
        _ => Authorities.RootKey!,
    };

    private static CertificateOrder OrderOf(Profile profile) => profile switch
    {
        Profile.Device => Leaf(profile, "pump-1", 30) with { Uri = "spiffe://device.fleet.local/pump-1", HardwareSerial = "SN-0001" },
        Profile.Claim => Leaf(profile, "batch-7", 30) with { Uri = "spiffe://claim.fleet.local/batch-7" },
        Profile.Service => Leaf(profile, "billing", 90) with { Uri = "spiffe://service.fleet.local/billing" },
        Profile.Server => Leaf(profile, "IoTFleet server", 90) with { Hosts = ["fleet.example", "127.0.0.1", "::1"] },
        Profile.OcspResponder => Leaf(profile, "OCSP 0123abcd", 7) with { CrlUrl = null, OcspUrl = null, IssuerUrl = null },
        Profile.Root => Authority(profile, "Root CA 0123abcd", 20),
        Profile.ClaimAuthority => Authority(profile, "Claim CA 0123abcd", 1),
        Profile.CrossRoot => Cross(Authorities.Root),
        Profile.CrossServerAuthority => Cross(BoundServers.Certificate),
        Profile.ServerAuthority => Authority(profile, "Server CA 0123abcd", 2) with { DnsSuffixes = ["fleet.example"] },
        _ => Authority(profile, "CA 0123abcd", 3),
    };

    /// <summary>For half a year, so that both whose lives bound it live longer.</summary>
    private static CertificateOrder Cross(X509Certificate2 original) => CertificateOrder.Of(CrossCertificate.TermsFor(original), Now.AddDays(-1), Now.AddDays(182));

    private static CertificateOrder Leaf(Profile profile, string name, int days) => new()
    {
        Profile = profile,
        Serial = SerialNumber.Create(),
        NotBefore = Now.AddMinutes(-5),
        NotAfter = Now.AddMinutes(-5).AddDays(days).AddSeconds(-1),
        SubjectPublicKeyInfo = Key.ExportSubjectPublicKeyInfo(),
        CommonName = name,
        CrlUrl = "http://fleet.example:8880/crl/0123456789abcdef0123456789abcdef01234567/3.crl",
        IssuerUrl = "http://fleet.example:8880/aia/0123456789abcdef0123456789abcdef01234567.cer",
        OcspUrl = "http://fleet.example:8880/ocsp",
    };

    private static CertificateOrder Authority(Profile profile, string name, int years) => new()
    {
        Profile = profile,
        Serial = SerialNumber.Create(),
        NotBefore = Now.AddDays(-1),
        NotAfter = Now.AddDays(-1).AddYears(years).AddSeconds(-1),
        SubjectPublicKeyInfo = Key.ExportSubjectPublicKeyInfo(),
        CommonName = name,
        Organization = Names.Domain,
    };
}
