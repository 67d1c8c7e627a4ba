using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class SigningRequestTests
{
    public static TheoryData<string> RefusedCases => [.. SigningRequestCases.Refused.Keys];

    [Theory]
    [MemberData(nameof(RefusedCases))]
    public void Request_that_breaks_the_policy_is_refused_with_its_reason(string name)
    {
        var (build, expected) = SigningRequestCases.Refused[name];
        Assert.False(SigningRequest.TryParse(build(), out var request, out var problem));
        Assert.Null(request);
        Assert.Contains(expected, problem);
    }

    [Fact]
    public void Request_tells_its_key_and_its_name()
    {
        var der = TestPki.Request("pump-1", out var key);
        using (key)
        {
            var request = Accept(der);
            Assert.Equal("pump-1", request.CommonName);
            Assert.Equal(key.ExportSubjectPublicKeyInfo(), request.SubjectPublicKeyInfo.ToArray());
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo())), request.KeyFingerprint);
        }
    }

    [Fact]
    public void Request_without_a_subject_is_accepted() => Assert.Null(Accept(TestPki.Request()).CommonName);

    [Fact]
    public void Request_signed_with_SHA384_is_accepted()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Accept(new CertificateRequest("CN=pump-1", key, HashAlgorithmName.SHA384).CreateSigningRequest());
    }

    [Fact]
    public void Request_asking_for_what_a_device_gets_anyway_is_accepted()
    {
        var request = Accept(SigningRequestCases.Asking(
            new X509BasicConstraintsExtension(false, false, 0, true),
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true),
            new X509EnhancedKeyUsageExtension([new Oid(KeyPurpose.ClientAuth)], false),
            SigningRequestCases.Names(names => names.AddUri(new Uri("spiffe://device.fleet.local/pump-1")))));
        Assert.Equal("spiffe://device.fleet.local/pump-1", request.RequestedUri);
    }

    [Fact]
    public void Challenge_password_is_read()
    {
        var longest = new string('x', 255);
        Assert.Equal(longest, Accept(SigningRequestCases.RequestWith(SigningRequestCases.Challenge(longest))).ChallengePassword);
    }

    [Fact]
    public void Unknown_attribute_is_ignored() =>
        Accept(SigningRequestCases.RequestWith(new AsnEncodedData("1.2.3.4", [0x05, 0x00])));

    [Theory]
    [InlineData("-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=pump-1")]
    [InlineData("-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/", "-sha384")]
    public async Task Request_made_by_openssl_is_accepted(params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        var made = await Peers.RunAsync("openssl",
            ["req", .. arguments, "-outform", "DER", "-out", folder.File("r.der"), "-keyout", folder.File("k.pem")]);
        Assert.True(made.ExitCode == 0, made.Errors);
        Accept(await File.ReadAllBytesAsync(folder.File("r.der")));
    }

    [Theory]
    [InlineData("must be given by name", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit")]
    [InlineData("RSA", "-newkey", "rsa:1024")]
    [InlineData("ecdsa-with-SHA256", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha1")]
    [InlineData("CA:TRUE", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "basicConstraints=critical,CA:TRUE")]
    public async Task Bad_request_made_by_openssl_is_refused(string expected, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        var made = await Peers.RunAsync("openssl",
            ["req", "-new", "-nodes", "-subj", "/CN=pump-1", .. arguments,
                "-outform", "DER", "-out", folder.File("r.der"), "-keyout", folder.File("k.pem")]);
        Assert.True(made.ExitCode == 0, made.Errors);
        Assert.False(SigningRequest.TryParse(await File.ReadAllBytesAsync(folder.File("r.der")), out _, out var problem));
        Assert.Contains(expected, problem);
    }

    private static SigningRequest Accept(byte[] der)
    {
        Assert.True(SigningRequest.TryParse(der, out var request, out var problem), problem);
        return request;
    }
}
