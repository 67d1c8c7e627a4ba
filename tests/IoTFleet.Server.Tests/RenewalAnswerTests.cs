using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using RenewCertificateRequest = IoTFleet.Api.RenewCertificateRequest;

namespace IoTFleet.Server.Tests;

/// <summary>What a device that renews over JSON is told, how its request is judged, and what it says of itself.</summary>
public sealed class RenewalAnswerTests : IAsyncLifetime
{
    private const string Device = "pump-7";

    private RunningServer _server = null!;
    private X509Certificate2 _certificate = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _certificate = await _server.EnrolAsync(Device);
        _http = new HttpClient(new SocketsHttpHandler { SslOptions = _server.TlsOptions(_certificate) }) { BaseAddress = new Uri($"https://localhost:{_server.HttpsPort}/.well-known/iotfleet/v1/") };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _certificate.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_renewal_is_told_all_that_an_enrolment_is()
    {
        var told = await (await RenewAsync(TestPki.Request(Device))).Content.ReadFromJsonAsync(ApiJson.Default.DeviceEnrolment);

        using var root = _server.Root;
        Assert.True(TrustBundleDocument.TryVerify(Convert.FromBase64String(told!.TrustBundle!.Document), [root], TimeProvider.System, out var bundle, out var problem), problem);
        Assert.Equal(bundle.Version, told.TrustBundle.Version);
        Assert.Equal(("localhost", _server.MqttPort), (told.Broker.Host, told.Broker.Port));
        Assert.Equal(($"devices/{Device}/telemetry", $"devices/{Device}/commands"), (told.Topics.Telemetry, told.Topics.Commands));
        Assert.Equal([_server.Authorities.Devices.Certificate.RawData, root.RawData], told.Chain.Select(Convert.FromBase64String));
        Assert.True(told.Log!.Index < told.Log.TreeSize);
        Assert.True(told.Renewal.End > told.Renewal.Start);
    }

    /// <summary>As EST's simplereenroll judges it: a code for each fault, and RSA where the device's group takes it.</summary>
    [Fact]
    public async Task A_signing_request_is_judged_as_at_est()
    {
        using var rsa = RSA.Create(2048);
        var byRsa = new CertificateRequest($"CN={Device}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequest();

        Assert.Equal("key-forbidden", await RefusedAsync(ByAuthority()));
        Assert.Equal("request-unreadable", await RefusedAsync([0x30, 0x03, 1, 2, 3]));
        Assert.Equal("rsa-not-allowed", await RefusedAsync(byRsa));
        await AllowRsaAsync();
        Assert.Equal(HttpStatusCode.OK, (await RenewAsync(byRsa)).StatusCode);
    }

    /// <summary>For those that speak no MQTT 5. What is no version counts for nothing.</summary>
    [Fact]
    public async Task A_device_says_over_https_which_trust_bundle_it_holds()
    {
        foreach (var said in new[] { "7", "-1", "many" })
        {
            _http.DefaultRequestHeaders.Remove("Trust-Bundle-Version");
            _http.DefaultRequestHeaders.TryAddWithoutValidation("Trust-Bundle-Version", said);
            var info = await _http.GetFromJsonAsync("renewal-info", ApiJson.Default.RenewalInfo);
            Assert.Equal(_server.Get<AuthorityDirectory>().Current.BundleVersion, info!.TrustBundleVersion);
        }

        await _server.Get<DeviceSightings>().WriteAsync(default);
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        var device = await db.Devices.SingleAsync(one => one.Id == Device);
        Assert.Equal((7, true), (device.TrustBundleVersion, device.LastConnectedAt is not null));
    }

    private byte[] ByAuthority()
    {
        using var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(Path.Combine(_server.DataPath, "ca", "devices.key")));
        return new CertificateRequest($"CN={Device}", key, HashAlgorithmName.SHA256).CreateSigningRequest();
    }

    private Task<HttpResponseMessage> RenewAsync(byte[] request) =>
        _http.PostAsJsonAsync("renew", new RenewCertificateRequest { Request = Convert.ToBase64String(request) }, ApiJson.Default.RenewCertificateRequest);

    private async Task<string?> RefusedAsync(byte[] request)
    {
        using var answer = await RenewAsync(request);
        var problem = await answer.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>();
        return problem.TryGetProperty("code", out var code) ? code.GetString() : null;
    }

    private async Task AllowRsaAsync()
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        if (await db.Groups.ExecuteUpdateAsync(set => set.SetProperty(group => group.AllowRsa, true)) > 0) return;
        db.Groups.Add(new EnrolmentGroup { Id = EnrolmentGroup.DefaultId, Ways = EnrolmentWays.Token, CreatedAt = TimeProvider.System.GetUtcNow(), AllowRsa = true });
        await db.SaveChangesAsync();
    }
}
