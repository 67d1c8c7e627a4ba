using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Certificates that are not what a device's is: another purpose, another issuer, no issuer.</summary>
public sealed class CertificateAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>
{
    private const string AnyPurpose = "2.5.29.37.0";

    private IssuerKey Devices => attacked.Authorities.Devices;

    public static TheoryData<string[]?> Purposes => new(null!, [KeyPurpose.ServerAuth], [AnyPurpose], [KeyPurpose.OcspSigning], [KeyPurpose.CmcRegistrationAuthority]);

    [Theory, MemberData(nameof(Purposes))]
    public async Task Row_01_a_certificate_for_another_purpose_or_for_none_is_closed(string[]? purposes)
    {
        using var certificate = (attacked.Forged with { Purposes = purposes }).SignedBy(Devices);
        await attacked.ExpectClosedAsync("wrong-purpose", certificate);
    }

    [Theory]
    [InlineData(AuthorityPurpose.Servers, "wrong-issuer")]
    [InlineData(AuthorityPurpose.Services, "wrong-issuer")]
    [InlineData(AuthorityPurpose.Claims, "wrong-issuer")]
    [InlineData(AuthorityPurpose.Root, "wrong-issuer")]
    public async Task Row_02_a_devices_certificate_by_a_sibling_authority_is_closed(AuthorityPurpose issuer, string code)
    {
        using var certificate = attacked.Forged.SignedBy(KeyOf(issuer));
        await attacked.ExpectClosedAsync(code, certificate);
    }

    [Fact]
    public async Task Row_02_a_service_by_the_authority_for_devices_is_closed()
    {
        using var certificate = (attacked.Forged with { Names = Forgery.Uris(attacked.Names.ServiceUri("billing").OriginalString) }).SignedBy(Devices);
        await attacked.ExpectClosedAsync("wrong-issuer", certificate);
    }

    [Fact]
    public async Task Row_02_the_servers_own_certificate_is_closed()
    {
        var folder = Path.Combine(attacked.Server.DataPath, "tls");
        using var certificate = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "server.pem"), Path.Combine(folder, "server.key"));
        await attacked.ExpectClosedAsync("wrong-issuer", certificate);
    }

    [Fact]
    public async Task Row_02_a_certificate_of_another_fleet_of_the_same_name_is_closed()
    {
        using var other = new TestPki(domain: attacked.Names.Domain);
        await attacked.ExpectClosedAsync("untrusted", other.Device(AttackedServer.Victim));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Row_03_an_authority_with_our_authoritys_name_is_not_ours(bool claimsOurKey)
    {
        using var foreign = Forgery.NamedAs(Devices.Certificate).AuthoritySignedBy(null);
        Assert.Equal(Devices.Certificate.SubjectName.RawData, foreign.Certificate.SubjectName.RawData);
        using var certificate = (attacked.Forged with { ClaimedIssuer = claimsOurKey ? Devices.Certificate : null }).SignedBy(foreign);
        await attacked.ExpectClosedAsync("untrusted", certificate);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Row_04_a_certificate_that_signed_itself_is_closed(SslProtocols protocols)
    {
        using var pki = new TestPki(domain: attacked.Names.Domain);
        await attacked.ExpectClosedAsync("untrusted", pki.SelfSigned(AttackedServer.Victim), protocols);
    }

    [Fact]
    public async Task Row_05_a_device_signs_nobody()
    {
        using var device = new IssuerKey(X509CertificateLoader.LoadCertificate(attacked.Honest.RawData), attacked.Honest.GetECDsaPrivateKey()!);
        using var certificate = attacked.Forged.SignedBy(device);
        await attacked.ExpectClosedAsync("untrusted", certificate);
        await WithChainAsync("wrong-issuer", certificate, attacked.Honest);
    }

    [Fact]
    public async Task Row_05_an_authority_below_the_one_for_devices_is_one_too_many()
    {
        using var fourth = (attacked.Forged with { Subject = "CN=Another authority" }).AuthoritySignedBy(Devices);      // its issuer has path length 0
        using var certificate = attacked.Forged.SignedBy(fourth);
        await WithChainAsync("wrong-issuer", certificate, fourth.Certificate);
    }

    /// <summary>The leaf with the authorities that the peer sends along.</summary>
    private async Task WithChainAsync(string code, X509Certificate2 certificate, params X509Certificate2[] sent)
    {
        using var openssl = new OpensslClient(attacked.Server);

        await attacked.ExpectNothingGainedAsync(code, async () =>
        {
            await openssl.SayHelloAsync(certificate, sent);
            return null;
        });
    }

    private IssuerKey KeyOf(AuthorityPurpose purpose) => purpose switch
    {
        AuthorityPurpose.Root => attacked.Authorities.RootKey!,
        AuthorityPurpose.Servers => attacked.Authorities.Servers,
        AuthorityPurpose.Services => attacked.Authorities.Services!,
        AuthorityPurpose.Claims => attacked.Authorities.Claims!,
        _ => Devices,
    };
}
