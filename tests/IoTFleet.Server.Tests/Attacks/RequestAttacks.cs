using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Signing requests that ask for what nobody gets, for keys that are not the sender's, or in somebody else's name.</summary>
public sealed class RequestAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>, IDisposable
{
    private readonly EstVisitor _est = new(attacked.Server);

    public void Dispose() => _est.Dispose();

    [Fact]
    public async Task Row_18_a_captured_request_gets_another_device_nothing()
    {
        var captured = TestPki.Request(commonName: null, out _);
        Assert.Equal(HttpStatusCode.OK, (await _est.EnrolAsync("pump-18", await _est.TokenAsync(), captured)).Status);

        await ExpectRefusedAsync("key-of-another-device", HttpStatusCode.Conflict, async () => await _est.EnrolAsync("pump-18b", await _est.TokenAsync(), captured));
    }

    [Fact]
    public async Task Row_18_a_captured_request_with_its_name_gets_another_device_nothing()
    {
        var captured = TestPki.Request("pump-18c", out _);
        Assert.Equal(HttpStatusCode.OK, (await _est.EnrolAsync("pump-18c", await _est.TokenAsync(), captured)).Status);

        var (status, _) = await _est.EnrolAsync("pump-18d", await _est.TokenAsync(), captured);
        Assert.Equal(HttpStatusCode.BadRequest, status);
    }

    [Fact]
    public async Task Row_19_nobody_gets_a_certificate_for_a_key_he_does_not_hold()
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var stolen = new CertificateRequest(new X500DistinguishedName("CN=pump-19"), attacked.Honest.PublicKey, HashAlgorithmName.SHA256)
            .CreateSigningRequest(X509SignatureGenerator.CreateForECDsa(own));

        await ExpectRefusedAsync("request-signature", HttpStatusCode.BadRequest, async () => await _est.EnrolAsync("pump-19", await _est.TokenAsync(), stolen));
    }

    public static TheoryData<string, X509Extension?, string, string> Wishes => new()
    {
        { "to be an authority", new X509BasicConstraintsExtension(true, false, 0, true), "CN=pump-20", "request-asks-too-much" },
        { "to be an authority, said softly", new X509BasicConstraintsExtension(true, false, 0, false), "CN=pump-20", "request-asks-too-much" },
        { "to sign certificates", new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true), "CN=pump-20", "request-asks-too-much" },
        { "to sign lists", new X509KeyUsageExtension(X509KeyUsageFlags.CrlSign | X509KeyUsageFlags.DigitalSignature, true), "CN=pump-20", "request-asks-too-much" },
        { "to be a server", new X509EnhancedKeyUsageExtension([new Oid(KeyPurpose.ServerAuth)], false), "CN=pump-20", "request-asks-too-much" },
        { "to be a client and a server", new X509EnhancedKeyUsageExtension([new Oid(KeyPurpose.ClientAuth), new Oid(KeyPurpose.ServerAuth)], false), "CN=pump-20", "request-asks-too-much" },
        { "to answer OCSP", new X509EnhancedKeyUsageExtension([new Oid(KeyPurpose.OcspSigning)], false), "CN=pump-20", "request-asks-too-much" },
        { "another device's name", new X509Extension("2.5.29.17", Forgery.Uris("spiffe://device.fleet.local/pump-7"), false), "CN=pump-20", "request-not-acceptable" },
        { "a second name", new X509Extension("2.5.29.17", Forgery.Uris("spiffe://device.fleet.local/pump-20", "spiffe://device.fleet.local/pump-7"), false), "CN=pump-20", "request-names" },
        { "a service's name", new X509Extension("2.5.29.17", Forgery.Uris("spiffe://service.fleet.local/pump-20"), false), "CN=pump-20", "request-not-acceptable" },
        { "a host's name", new X509Extension("2.5.29.17", Forgery.GeneralNames((2, "fleet.local"u8.ToArray())), false), "CN=pump-20", "request-names" },
        { "names for others", new X509Extension("2.5.29.30", [0x30, 0x00], true), "CN=pump-20", "request-asks-too-much" },
        { "something unknown that is critical", new X509Extension("1.3.6.1.4.1.99999.1", [0x05, 0x00], true), "CN=pump-20", "request-asks-too-much" },
        { "another device's common name", null, "CN=pump-7", "request-not-acceptable" },
        { "two common names", null, "CN=pump-20, CN=pump-7", "request-names" },
    };

    [Theory, MemberData(nameof(Wishes))]
    public async Task Row_20_a_request_for_more_than_a_device_gets_is_refused_and_audited(string what, X509Extension? wish, string subject, string code)
    {
        Assert.NotEmpty(what);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        if (wish is not null) request.CertificateExtensions.Add(wish);
        var der = request.CreateSigningRequest();

        await ExpectRefusedAsync(code, HttpStatusCode.BadRequest, async () => await _est.EnrolAsync("pump-20", await _est.TokenAsync(), der));
    }

    [Fact]
    public async Task Row_27_a_key_serves_one_device()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        byte[] Golden(string name) => new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        Assert.Equal(HttpStatusCode.OK, (await _est.EnrolAsync("pump-27", await _est.TokenAsync(), Golden("pump-27"))).Status);

        foreach (var sibling in (string[])["pump-27b", "pump-27c"])
        {
            await ExpectRefusedAsync("key-of-another-device", HttpStatusCode.Conflict, async () => await _est.EnrolAsync(sibling, await _est.TokenAsync(), Golden(sibling)));
        }

        await using var fleet = await attacked.Server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        Assert.Empty(await fleet.Devices.Where(device => device.Id == "pump-27b" || device.Id == "pump-27c").ToListAsync());
    }

    /// <summary>Millions more, against all readers of what strangers send, are IoTFleet.Fuzz's.</summary>
    [Fact]
    public async Task Row_35_no_damaged_byte_of_a_request_goes_unnoticed_or_crashes_anything()
    {
        var token = await _est.TokenAsync();
        var good = TestPki.Request("pump-35");
        var before = await attacked.FiguresAsync();
        for (var at = 0; at < good.Length; at++)
        {
            var damaged = (byte[])good.Clone();
            damaged[at] ^= (byte)(1 << (at % 8));
            Assert.Equal(HttpStatusCode.BadRequest, (await _est.EnrolAsync("pump-35", token, damaged)).Status);
            if (at % 16 == 0) Assert.Equal(HttpStatusCode.BadRequest, (await _est.EnrolAsync("pump-35", token, good[..at])).Status);
        }

        Assert.Equal(before, await attacked.FiguresAsync());
        Assert.Equal(HttpStatusCode.OK, (await _est.EnrolAsync("pump-35", token, good)).Status);      // which has spent nothing
    }

    /// <summary>Turned away for this reason, which the operator can see; no certificate made.</summary>
    private Task ExpectRefusedAsync(string code, HttpStatusCode status, Func<Task<(HttpStatusCode Status, string Text)>> attack) => attacked.ExpectNothingGainedAsync(code, async () =>
    {
        var answer = await attack();
        Assert.Equal(status, answer.Status);
        Assert.Contains(code, answer.Text, StringComparison.Ordinal);
        return null;
    });
}
