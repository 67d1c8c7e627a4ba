using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

/// <summary>What openssl and gnutls read in our certificates.</summary>
public sealed class ProfileInteropTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestPki _pki = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public async Task Openssl_reads_every_field_of_a_device_certificate()
    {
        var text = await OutputAsync("openssl", "x509", "-in", Write(_pki.DeviceAuthority.Issue(Device())), "-noout", "-text", "-certopt", "ext_parse");
        Assert.All((string[])[
            "Version: 3 (0x2)", "ecdsa-with-SHA256", "CN = pump-1, serialNumber = SN-0001", "NIST CURVE: P-256", "CA:FALSE", "Digital Signature",
            "TLS Web Client Authentication", "URI:spiffe://device.fleet.local/pump-1", "URI:http://fleet.local:8880/crl/0/3.crl",
            "OCSP - URI:http://fleet.local:8880/ocsp", "CA Issuers - URI:http://fleet.local:8880/aia/0.cer"], part => Assert.Contains(part, text));
    }

    [Fact]
    public async Task Gnutls_reads_and_trusts_a_device_certificate()
    {
        var leaf = Write(_pki.DeviceAuthority.Issue(Device()));
        var info = await OutputAsync("certtool", "--certificate-info", "--infile", leaf);
        Assert.All((string[])["spiffe://device.fleet.local/pump-1", "TLS WWW Client", "http://fleet.local:8880/crl/0/3.crl", "Digital signature"], part => Assert.Contains(part, info));
        var authorities = TestPki.WriteCertificates(_folder.Path, "authorities", _pki.Root, _pki.DeviceIssuer);
        Assert.Contains("Verified. The certificate is trusted.", await OutputAsync("certtool", "--verify", "--load-ca-certificate", authorities, "--infile", leaf));
    }

    [Fact]
    public void Device_certificate_with_every_place_of_publication_stays_below_800_bytes()
    {
        var id = new string('a', 40);
        var terms = Device() with
        {
            CrlUrl = new Uri($"http://fleet.example.com:8880/crl/{id}/3.crl"),
            IssuerUrl = new Uri($"http://fleet.example.com:8880/aia/{id}.cer"),
            OcspUrl = new Uri("http://fleet.example.com:8880/ocsp"),
        };
        Assert.InRange(_pki.DeviceAuthority.Issue(terms).Der.Length, 400, 800);
    }

    [Theory]
    [InlineData("claim", "sslclient")]
    [InlineData("service", "sslclient")]
    [InlineData("server", "sslserver")]
    public async Task Certificate_of_each_kind_is_verified_by_openssl(string kind, string purpose)
    {
        var (leaf, issuer) = kind switch
        {
            "claim" => (_pki.ClaimAuthority.Issue(LeafTerms.ForClaim(_pki.Names, "batch-7", _key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(30))), _pki.ClaimIssuer),
            "service" => (_pki.ServiceAuthority.Issue(Service()), _pki.ServiceIssuer),
            _ => (_pki.ServerAuthority.IssueServer(["Fleet.Example", "127.0.0.1"], _key.ExportSubjectPublicKeyInfo()), _pki.ServerIssuer),
        };
        Assert.Contains("OK", await VerifyAsync(leaf, issuer, "-purpose", purpose));
    }

    [Fact]
    public async Task Rsa_key_of_a_device_gets_a_certificate_from_an_elliptic_authority()
    {
        Assert.True(SigningRequest.TryParse(SigningRequestCases.Rsa(3072), new KeyRules { AllowRsa = true }, out var request, out _));
        Assert.True(new IssuancePolicy(_pki.Names).TryForDevice("pump-1", request, out var terms, out _));
        Assert.Contains("OK", await VerifyAsync(_pki.DeviceAuthority.Issue(terms), _pki.DeviceIssuer, "-purpose", "sslclient"));
    }

    [Fact]
    public async Task Responder_has_nocheck_and_its_purpose_and_no_authority_lends_it_more_than_a_week()
    {
        var terms = LeafTerms.ForOcspResponder(_key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(7));
        var text = await OutputAsync("openssl", "x509", "-in", Write(_pki.DeviceAuthority.Issue(terms)), "-noout", "-text");
        Assert.Contains("OCSP No Check", text);
        Assert.Contains("OCSP Signing", text);
        Assert.Throws<ProfileViolationException>(() => _pki.DeviceAuthority.Issue(terms with { Lifetime = TimeSpan.FromDays(8) }));
    }

    [Fact]
    public async Task Times_change_their_form_at_2050()
    {
        var now = new DateTimeOffset(2049, 12, 20, 0, 0, 0, TimeSpan.Zero);
        using var authorities = RootCeremony.Create(_pki.Names, new FakeClock(now.AddDays(-30)));
        var leaf = new CertificateAuthority(authorities.Devices, new FakeClock(now)).Issue(Device());
        var parsed = await OutputAsync("openssl", "asn1parse", "-in", Write(leaf));
        Assert.Contains("UTCTIME           :491219230000Z", parsed);
        Assert.Contains("GENERALIZEDTIME   :20500118225959Z", parsed);
    }

    [Fact]
    public void Ten_thousand_serials_look_like_chance()
    {
        var serials = Enumerable.Range(0, 10_000).Select(_ => SerialNumber.Create().Bytes.ToArray()).ToList();
        Assert.Equal(serials.Count, serials.Select(Convert.ToHexString).Distinct().Count());
        var counts = new int[256];
        foreach (var value in serials.SelectMany(serial => serial.Skip(1))) counts[value]++;
        var expected = serials.Count * 15 / 256.0;
        var chiSquare = counts.Sum(count => (count - expected) * (count - expected) / expected);
        Assert.InRange(chiSquare, 120, 400); // 255 degrees of freedom: six standard deviations to either side.
    }

    public void Dispose()
    {
        _key.Dispose();
        _pki.Dispose();
        _folder.Dispose();
    }

    private LeafTerms Device() => new("pump-1", _pki.Names.DeviceUri("pump-1"), _key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(30), TimeSpan.FromHours(1))
    {
        HardwareSerial = "SN-0001",
        CrlUrl = new Uri("http://fleet.local:8880/crl/0/3.crl"),
        OcspUrl = new Uri("http://fleet.local:8880/ocsp"),
        IssuerUrl = new Uri("http://fleet.local:8880/aia/0.cer"),
    };

    private LeafTerms Service() => new("billing", _pki.Names.ServiceUri("billing"), _key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(90), TimeSpan.FromHours(1))
    {
        Profile = Profile.Service,
    };

    private string Write(IssuedLeaf leaf)
    {
        using var certificate = leaf.Load();
        return TestPki.WriteCertificates(_folder.Path, "leaf", certificate);
    }

    private Task<string> VerifyAsync(IssuedLeaf leaf, X509Certificate2 issuer, params string[] arguments) => OutputAsync("openssl", [
        "verify", "-x509_strict", "-CAfile", TestPki.WriteCertificates(_folder.Path, "root", _pki.Root),
        "-untrusted", TestPki.WriteCertificates(_folder.Path, "issuer", issuer), .. arguments, Write(leaf)]);

    private static async Task<string> OutputAsync(string program, params string[] arguments)
    {
        var done = await Peers.RunAsync(program, arguments);
        Assert.True(done.ExitCode == 0, done.Everything);
        return done.Everything;
    }
}
