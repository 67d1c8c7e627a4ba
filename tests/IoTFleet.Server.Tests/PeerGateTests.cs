using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>How far a peer gets over HTTPS with a certificate whose dates are wrong, or that is good for enrolment only.</summary>
public sealed class PeerGateTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("/.well-known/est/cacerts")]
    [InlineData("/api/v1/overview")]
    [InlineData("/mqtt")]
    [InlineData("/nothing-here")]
    [InlineData("/")]
    public async Task Expired_device_is_turned_away_with_the_reason(string path)
    {
        using var certificate = Leaf(AuthorityPurpose.Devices, _server.Authorities.Names.DeviceUri("pump-1"), Profile.Device, ago: TimeSpan.FromHours(3), lifetime: TimeSpan.FromHours(2));
        using var answer = await GetAsync(certificate, path);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("expired", (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ApiProblem))!.Code);
        Assert.Equal(1, _server.Refused("expired"));
    }

    [Fact]
    public async Task Expired_device_still_gets_the_trust_bundle()
    {
        using var certificate = Leaf(AuthorityPurpose.Devices, _server.Authorities.Names.DeviceUri("pump-1"), Profile.Device, ago: TimeSpan.FromHours(3), lifetime: TimeSpan.FromHours(2));
        using var answer = await GetAsync(certificate, "/.well-known/iotfleet/v1/trust-bundle");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("/.well-known/est/cacerts", HttpStatusCode.OK)]
    [InlineData("/api/v1/overview", HttpStatusCode.Forbidden)]
    [InlineData("/mqtt", HttpStatusCode.Forbidden)]
    [InlineData("/", HttpStatusCode.Forbidden)]
    public async Task Claim_reaches_enrolment_and_nothing_else(string path, HttpStatusCode status)
    {
        using var certificate = Leaf(AuthorityPurpose.Claims, _server.Authorities.Names.ClaimUri("batch-1"), Profile.Claim);
        using var answer = await GetAsync(certificate, path);
        Assert.Equal(status, answer.StatusCode);
        if (status != HttpStatusCode.OK) Assert.Equal("issuer-purpose", (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ApiProblem))!.Code);
    }

    [Fact]
    public async Task Good_device_is_not_in_the_way_of_anything()
    {
        using var certificate = await _server.EnrolAsync("pump-1");
        using var answer = await GetAsync(certificate, "/.well-known/est/cacerts");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Claim_is_closed_at_the_mqtt_port_before_any_packet()
    {
        using var certificate = Leaf(AuthorityPurpose.Claims, _server.Authorities.Names.ClaimUri("batch-1"), Profile.Claim);
        await using var peer = await _server.OpenAsync(certificate);
        await peer.ExpectClosedAsync();
        Assert.Equal(1, _server.Refused("issuer-purpose"));
    }

    private async Task<HttpResponseMessage> GetAsync(X509Certificate2 certificate, string path)
    {
        using var handler = ServerTrust.FromRootFile(_server.RootFile).CreateHandler();
        handler.SslOptions.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true);
        using var http = new HttpClient(handler);
        return await http.GetAsync(new Uri($"https://localhost:{_server.HttpsPort}{path}"));
    }

    private X509Certificate2 Leaf(AuthorityPurpose purpose, Uri identity, Profile profile, TimeSpan ago = default, TimeSpan? lifetime = null)
    {
        var clock = new FakeClock(TimeProvider.System.GetUtcNow() - ago);
        var issuer = purpose == AuthorityPurpose.Claims ? _server.Authorities.Claims! : _server.Authorities.Devices;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var terms = new LeafTerms(identity.Segments[^1], identity, key.ExportSubjectPublicKeyInfo(), lifetime ?? TimeSpan.FromDays(1), TimeSpan.FromHours(1)) { Profile = profile };
        using var certificate = new CertificateAuthority(issuer, clock).Issue(terms).Load();
        return certificate.CopyWithPrivateKey(key);
    }
}
