using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class CertificateProfileTests : IDisposable
{
    private readonly TestPki _pki = new();

    [Fact]
    public void Root_may_have_one_authority_below_it_and_lives_20_years()
    {
        var root = _pki.Root;
        CheckAuthority(root, pathLength: 2, purposes: []);
        Assert.Equal(root.NotBefore.AddYears(20).AddSeconds(-1), root.NotAfter);
    }

    [Fact]
    public void Issuing_authorities_have_one_purpose_and_no_authority_below_them()
    {
        CheckAuthority(_pki.DeviceIssuer, pathLength: 0, KeyPurpose.ClientAuth);
        CheckAuthority(_pki.ServerIssuer, pathLength: 0, KeyPurpose.ServerAuth);
        CheckAuthority(_pki.ServiceIssuer, pathLength: 0, KeyPurpose.ClientAuth);
        Assert.Equal(_pki.DeviceIssuer.NotBefore.AddYears(3).AddSeconds(-1), _pki.DeviceIssuer.NotAfter);
    }

    [Fact]
    public void Authorities_of_two_generations_never_share_a_name()
    {
        using var next = RootCeremony.Create(_pki.Names, TimeProvider.System);
        string[] names = [_pki.Root.Subject, next.Root.Subject, _pki.DeviceIssuer.Subject, next.Devices.Certificate.Subject];
        Assert.Equal(names.Length, names.Distinct().Count());
    }

    [Fact]
    public void Device_certificate_has_the_fixed_extensions_and_nothing_else()
    {
        var leaf = _pki.Device("pump-1");
        Assert.Equal(3, leaf.Version);
        Assert.Equal("CN=pump-1", leaf.Subject);
        CheckLeaf(leaf, _pki.DeviceIssuer, KeyPurpose.ClientAuth);
        Assert.Contains("spiffe://device.fleet.local/pump-1"u8.ToArray().AsSpan(), San(leaf));
    }

    [Fact]
    public void Service_certificate_has_them_too()
    {
        var leaf = _pki.Service("billing");
        CheckLeaf(leaf, _pki.ServiceIssuer, KeyPurpose.ClientAuth);
        Assert.Contains("spiffe://service.fleet.local/billing"u8.ToArray().AsSpan(), San(leaf));
    }

    [Fact]
    public void Largest_device_certificate_stays_below_800_bytes()
    {
        using var pki = new TestPki(domain: new string('d', 60));
        Assert.InRange(pki.Device(new string('x', DeviceName.MaxLength)).RawData.Length, 1, 799);
    }

    [Fact]
    public void Server_certificate_names_hosts_and_addresses()
    {
        var leaf = _pki.Server("fleet.example", "10.0.0.7", "::1");
        CheckLeaf(leaf, _pki.ServerIssuer, KeyPurpose.ServerAuth, KeyPurpose.CmcRegistrationAuthority);
        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["fleet.example"], names.EnumerateDnsNames());
        Assert.Equal(["10.0.0.7", "::1"], names.EnumerateIPAddresses().Select(address => address.ToString()));
        Assert.Equal(TimeSpan.FromDays(90) - TimeSpan.FromSeconds(1), leaf.NotAfter - leaf.NotBefore);
    }

    [Fact]
    public void Device_certificate_begins_an_hour_ago_and_ends_one_second_before_thirty_days_are_over()
    {
        var now = new DateTimeOffset(2027, 3, 1, 12, 0, 0, 700, TimeSpan.Zero);
        var leaf = Issue(now, madeAt: now.AddYears(-1));
        Assert.Equal(new DateTimeOffset(2027, 3, 1, 11, 0, 0, TimeSpan.Zero), leaf.NotBefore);
        Assert.Equal(leaf.NotBefore.AddDays(30).AddSeconds(-1), leaf.NotAfter);
        using var certificate = leaf.Load();
        Assert.Equal(leaf.NotBefore.UtcDateTime, certificate.NotBefore.ToUniversalTime());
        Assert.Equal(leaf.NotAfter.UtcDateTime, certificate.NotAfter.ToUniversalTime());
    }

    [Fact]
    public void Leaf_never_outlives_its_issuer()
    {
        var now = new DateTimeOffset(2027, 3, 1, 12, 0, 0, TimeSpan.Zero);
        var madeAt = now.AddYears(-3).AddDays(11); // The issuer was backdated by a day and has ten days left.
        Assert.Equal(now.AddDays(10).AddSeconds(-1), Issue(now, madeAt).NotAfter);
    }

    [Fact]
    public void Expired_authority_issues_nothing()
    {
        var now = new DateTimeOffset(2027, 3, 1, 12, 0, 0, TimeSpan.Zero);
        Assert.Throws<InvalidOperationException>(() => Issue(now, madeAt: now.AddYears(-3)));
    }

    [Fact]
    public void Serials_are_16_random_bytes_and_positive()
    {
        var serials = Enumerable.Range(0, 10_000).Select(_ => SerialNumber.Create()).ToList();
        Assert.Equal(serials.Count, serials.Select(serial => serial.Hex).Distinct().Count());
        Assert.All(serials, serial => Assert.Equal(16, serial.Bytes.Length));
        Assert.All(serials, serial => Assert.InRange(serial.Bytes.Span[0], 1, 0x7F));
        // Each of the 15 free bytes takes nearly every value, so none is constant or counting.
        Assert.All(Enumerable.Range(1, 15), at => Assert.InRange(serials.Select(serial => serial.Bytes.Span[at]).Distinct().Count(), 250, 256));
    }

    [Fact]
    public void Serial_of_an_issued_certificate_reads_back()
    {
        var issued = Issue(DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(49));
        using var certificate = issued.Load();
        Assert.Equal(issued.Serial, SerialNumber.Of(certificate));
        Assert.Equal(issued.SerialHex, certificate.SerialNumber.ToLowerInvariant());
        Assert.Equal(issued.Serial, SerialNumber.Parse(issued.SerialHex));
    }

    public void Dispose() => _pki.Dispose();

    private IssuedLeaf Issue(DateTimeOffset now, DateTimeOffset madeAt)
    {
        using var authorities = RootCeremony.Create(_pki.Names, new FakeClock(madeAt));
        Assert.True(SigningRequest.TryParse(TestPki.Request(), out var request, out _));
        Assert.True(new IssuancePolicy(_pki.Names).TryForDevice("pump-1", request, out var terms, out _));
        return new CertificateAuthority(authorities.Devices, new FakeClock(now)).Issue(terms);
    }

    private static void CheckAuthority(X509Certificate2 certificate, int pathLength, params string[] purposes)
    {
        var constraints = certificate.Extensions.OfType<X509BasicConstraintsExtension>().Single();
        Assert.True(constraints is { Critical: true, CertificateAuthority: true, HasPathLengthConstraint: true });
        Assert.Equal(pathLength, constraints.PathLengthConstraint);
        var usage = certificate.Extensions.OfType<X509KeyUsageExtension>().Single();
        Assert.True(usage is { Critical: true, KeyUsages: X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign });
        Assert.Equal(purposes, Purposes(certificate));
        Assert.Single(certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>());
    }

    private static void CheckLeaf(X509Certificate2 leaf, X509Certificate2 issuer, params string[] purposes)
    {
        Assert.Equal(["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"],
            leaf.Extensions.Select(extension => extension.Oid!.Value!).Order());
        Assert.True(leaf.Extensions.OfType<X509BasicConstraintsExtension>().Single() is { Critical: true, CertificateAuthority: false });
        Assert.True(leaf.Extensions.OfType<X509KeyUsageExtension>().Single() is { Critical: true, KeyUsages: X509KeyUsageFlags.DigitalSignature });
        Assert.Equal(purposes, Purposes(leaf));
        Assert.Equal("1.2.840.10045.4.3.2", leaf.SignatureAlgorithm.Value);

        var issuerKey = issuer.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single().SubjectKeyIdentifierBytes;
        var authorityKey = leaf.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().Single();
        Assert.Equal(issuerKey, authorityKey.KeyIdentifier!.Value);
        Assert.Null(authorityKey.RawIssuer);
        Assert.Equal(SHA1.HashData(leaf.PublicKey.EncodedKeyValue.RawData),
            leaf.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single().SubjectKeyIdentifierBytes.ToArray());
    }

    private static IEnumerable<string> Purposes(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>()
            .SelectMany(usage => usage.EnhancedKeyUsages.Cast<Oid>())
            .Select(oid => oid.Value!);

    private static Span<byte> San(X509Certificate2 certificate) =>
        certificate.Extensions.Single(extension => extension.Oid!.Value == "2.5.29.17").RawData;
}
