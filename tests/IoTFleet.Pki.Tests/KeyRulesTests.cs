using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

/// <summary>What a request's key may be, and the code that each refusal carries.</summary>
public sealed class KeyRulesTests
{
    private static readonly KeyRules Open = new() { AllowP384 = true, AllowRsa = true };

    [Theory]
    [InlineData("larger than 8 KiB", RequestRefusal.TooLarge)]
    [InlineData("text", RequestRefusal.Unreadable)]
    [InlineData("truncated", RequestRefusal.Unreadable)]
    [InlineData("changed after signing", RequestRefusal.WrongSignature)]
    [InlineData("SHA-1", RequestRefusal.WrongAlgorithm)]
    [InlineData("RSA", RequestRefusal.KeyType)]
    [InlineData("secp256k1", RequestRefusal.KeyType)]
    [InlineData("explicit curve parameters", RequestRefusal.KeyType)]
    [InlineData("compressed point", RequestRefusal.KeyType)]
    [InlineData("point off the curve", RequestRefusal.KeyWeak)]
    [InlineData("CA:TRUE", RequestRefusal.AsksTooMuch)]
    [InlineData("unknown critical extension", RequestRefusal.AsksTooMuch)]
    [InlineData("two extension requests", RequestRefusal.Attributes)]
    [InlineData("the same extension twice", RequestRefusal.Attributes)]
    [InlineData("challenge of 256 characters", RequestRefusal.Attributes)]
    [InlineData("two CNs", RequestRefusal.Names)]
    [InlineData("DNS name", RequestRefusal.Names)]
    public void Each_fault_has_its_code(string name, string code)
    {
        Assert.False(SigningRequest.TryParse(SigningRequestCases.Refused[name].Build(), KeyRules.Default, out _, out var refusal));
        Assert.Equal(code, refusal.Code);
    }

    [Fact]
    public void Armour_is_answered_with_what_to_send() => Assert.Contains(
        "between the BEGIN and END lines", Refusal(System.Text.Encoding.ASCII.GetBytes("-----BEGIN CERTIFICATE REQUEST-----\nMIIB"), KeyRules.Default).Problem);

    [Fact]
    public void P384_is_accepted_where_it_is_allowed()
    {
        var der = SigningRequestCases.OnCurve(ECCurve.NamedCurves.nistP384);
        Assert.True(SigningRequest.TryParse(der, Open, out _, out _));
        Assert.Equal(RequestRefusal.KeyType, Refusal(der, KeyRules.Default).Code);
        Assert.Equal(RequestRefusal.KeyType, Refusal(SigningRequestCases.OnCurve(ECCurve.NamedCurves.nistP521), Open).Code);
    }

    [Fact]
    public void Rsa_is_accepted_where_it_is_allowed()
    {
        Assert.True(SigningRequest.TryParse(SigningRequestCases.Rsa(2048), Open, out var request, out _));
        Assert.Equal("pump-1", request.CommonName);
        Assert.True(SigningRequest.TryParse(SigningRequestCases.Rsa(2048, HashAlgorithmName.SHA512), Open, out _, out _));
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(2056)]
    public void Rsa_of_another_size_is_weak(int bits) => Assert.Equal(RequestRefusal.KeyWeak, Refusal(SigningRequestCases.Rsa(bits), Open).Code);

    [Fact]
    public void RsaPss_is_refused_with_what_to_use_instead()
    {
        var refusal = Refusal(SigningRequestCases.Rsa(padding: RSASignaturePadding.Pss), Open);
        Assert.Equal(RequestRefusal.WrongAlgorithm, refusal.Code);
        Assert.Contains("sha256WithRSAEncryption", refusal.Problem);
    }

    [Theory]
    [InlineData(RequestRefusal.KeyWeak, "exponent must be 65537", "-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3")]
    [InlineData(RequestRefusal.WrongAlgorithm, "SHA-1", "-newkey", "rsa:2048", "-sha1")]
    [InlineData(RequestRefusal.KeyType, "EdDSA", "-newkey", "ed25519")]
    [InlineData(RequestRefusal.KeyType, "RSA-PSS", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048")]
    public async Task Bad_key_made_by_openssl_is_refused(string code, string problem, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        var made = await Peers.RunAsync("openssl", ["req", "-new", "-nodes", "-subj", "/CN=pump-1", .. arguments, "-outform", "DER", "-out", folder.File("r.der"), "-keyout", folder.File("k.pem")]);
        Assert.True(made.ExitCode == 0, made.Errors);
        var refusal = Refusal(await File.ReadAllBytesAsync(folder.File("r.der")), Open);
        Assert.Equal(code, refusal.Code);
        Assert.Contains(problem, refusal.Problem);
    }

    [Fact]
    public void Blocked_key_is_forbidden_and_the_reason_is_told()
    {
        var der = TestPki.Request("pump-1", out var key);
        using (key)
        {
            var fingerprint = Fingerprint.Sha256(key.ExportSubjectPublicKeyInfo());
            var rules = new KeyRules { WhyBlocked = asked => asked == fingerprint ? "it is an authority's own" : null };
            Assert.Equal(new RequestRefusal(RequestRefusal.KeyForbidden, "nothing is issued to this key: it is an authority's own"), Refusal(der, rules));
            Assert.True(SigningRequest.TryParse(TestPki.Request("pump-1"), rules, out _, out _));
        }
    }

    [Fact]
    public void Challenge_is_given_as_text_and_as_bytes_and_never_printed()
    {
        Assert.True(SigningRequest.TryParse(SigningRequestCases.RequestWith(SigningRequestCases.Challenge("sécret")), KeyRules.Default, out var request, out _));
        Assert.Equal("sécret", request.ChallengePassword);
        Assert.Equal("sécret"u8.ToArray(), request.ChallengePasswordBytes.ToArray());
        Assert.DoesNotContain("cret", request.ToString());
    }

    [Fact]
    public void Other_attributes_are_named_for_the_log_and_may_not_be_there_twice()
    {
        AsnEncodedData other = new("1.2.3.4", [0x05, 0x00]), again = new("1.2.3.4", [0x02, 0x01, 0x01]);
        Assert.True(SigningRequest.TryParse(SigningRequestCases.RequestWith(other), KeyRules.Default, out var request, out _));
        Assert.Equal(["1.2.3.4"], request.IgnoredAttributes);
        Assert.Equal(RequestRefusal.Attributes, Refusal(SigningRequestCases.RequestWith(again, other), KeyRules.Default).Code);
    }

    [Fact]
    public void Maker_s_serial_in_the_subject_must_be_the_one_on_record()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var der = new CertificateRequest("CN=pump-1, SERIALNUMBER=SN-1", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        Assert.True(SigningRequest.TryParse(der, KeyRules.Default, out var request, out _));
        Assert.Equal("SN-1", request.HardwareSerial);
        var policy = new IssuancePolicy(new FleetNames("fleet.local"));
        Assert.True(policy.TryForDevice("pump-1", request, out var terms, out _, "SN-1"));
        Assert.Equal("SN-1", terms.HardwareSerial);
        Assert.False(policy.TryForDevice("pump-1", request, out _, out _, "SN-2"));
        Assert.False(policy.TryForDevice("pump-1", request, out _, out _));
    }

    private static RequestRefusal Refusal(byte[] der, KeyRules rules)
    {
        Assert.False(SigningRequest.TryParse(der, rules, out var request, out var refusal));
        Assert.Null(request);
        return refusal;
    }
}
