using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>A rotation under a running server: who is connected stays, who comes next meets the new state, and no listener is restarted.</summary>
public sealed class RotationTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Devices_of_both_generations_connect_during_a_rotation_and_nobody_is_disconnected()
    {
        using var old = await _server.EnrolAsync("pump-old");
        await using var staying = await _server.ConnectAsync("pump-old", old);
        await RotateAsync("devices");
        using var young = await _server.EnrolAsync("pump-new");
        Assert.NotEqual(AuthorityId.OfIssuer(old), AuthorityId.OfIssuer(young));

        await using var second = await _server.ConnectAsync("pump-new", young);
        await ExpectAliveAsync(staying);
        await ExpectAliveAsync(second);
        using var another = await _server.EnrolAsync("pump-another");
        await using var third = await _server.ConnectAsync("pump-another", another);
        await ExpectAliveAsync(staying);
    }

    [Fact]
    public async Task Removed_generation_is_refused_from_the_next_handshake_on()
    {
        using var old = await _server.EnrolAsync("pump-1");
        await RotateAsync("devices");
        await StepAsync("devices", 1, "remove", force: true);
        await using var refused = await _server.OpenAsync(old);
        await refused.ExpectClosedAsync();
        Assert.Equal(1, _server.Refused("authority-not-in-force"));
    }

    [Fact]
    public async Task Removal_is_blocked_by_a_device_that_was_here_and_names_it()
    {
        using var old = await _server.EnrolAsync("pump-1");
        await using (await _server.ConnectAsync("pump-1", old)) await _server.Get<DeviceSightings>().WriteAsync(default);
        await RotateAsync("devices");
        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => StepAsync("devices", 1, "remove"));
        Assert.Equal(ProblemCodes.AuthorityNotReady, problem.Code);
        Assert.Contains("device pump-1", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Device_that_knows_only_the_old_root_connects_while_the_roots_change_places()
    {
        using var oldRoot = _server.Root;
        using var old = await _server.EnrolAsync("pump-old");
        await using var staying = await RunningServer.OpenAsync(_server.MqttPort, oldRoot, old);
        await staying.ConnectAsync("pump-old");
        await RotateAsync("root");
        var servers = await RotateAsync("servers");
        await RotateAsync("devices");
        await Eventually.TrueAsync(async () => AuthorityId.OfIssuer(await ServerCertificateAsync(_server.MqttPort)) == servers.Id);

        await ExpectKnownToAsync(oldRoot);      // the new authority for servers is below the new root, and the old one vouches for it
        using var young = await _server.EnrolAsync("pump-new");
        await ExpectConnectedAsync(oldRoot, young, "pump-new");
        await ExpectConnectedAsync(oldRoot, old, "pump-old", sameAs: staying);
    }

    [Fact]
    public async Task New_root_alone_is_enough_once_the_old_one_was_removed()
    {
        using var newRoot = X509CertificateLoader.LoadCertificate((await RotateAsync("root")).Certificate);
        foreach (var purpose in new[] { "servers", "devices", "services", "claims" }) await RotateAsync(purpose);
        using var young = await _server.EnrolAsync("pump-new");
        await using var staying = await _server.ConnectAsync("pump-new", young);
        foreach (var purpose in new[] { "devices", "services", "claims", "servers", "root" }) await StepAsync(purpose, 1, "remove", force: true);

        await Eventually.TrueAsync(() => IsKnownAsync(_server.MqttPort, newRoot));
        await ExpectKnownToAsync(newRoot);
        await ExpectAliveAsync(staying);
        await ExpectConnectedAsync(newRoot, young, "pump-new", sameAs: staying);
    }

    [Fact]
    public async Task Rotated_server_starts_again_and_devices_of_both_generations_come_back()
    {
        using var old = await _server.EnrolAsync("pump-old");
        await RotateAsync("devices");
        await RotateAsync("servers");
        using var young = await _server.EnrolAsync("pump-new");
        await _server.RestartAsync();
        await using var first = await _server.ConnectAsync("pump-old", old);
        await using var second = await _server.ConnectAsync("pump-new", young);
        Assert.Equal(_server.Get<AuthorityDirectory>().Current.Active(AuthorityPurpose.Servers)!.Id, AuthorityId.OfIssuer(await ServerCertificateAsync(_server.HttpsPort)));
    }

    [Fact]
    public async Task Bundle_that_a_device_says_it_holds_opens_the_gate()
    {
        using var certificate = await _server.EnrolAsync("pump-1");
        await SayAsync(certificate, bundle: 1);
        var next = await _server.Client.PrepareAuthorityAsync("devices");
        var published = await _server.Client.RotateAuthorityAsync(next.Id, "publish");
        var early = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RotateAuthorityAsync(next.Id, "activate"));
        Assert.Contains("0 of 1 devices", early.Message, StringComparison.Ordinal);
        await SayAsync(certificate, published.BundleVersion);
        Assert.Equal("active", (await _server.Client.RotateAuthorityAsync(next.Id, "activate")).State);
    }

    [Fact]
    public async Task Bundle_is_served_signed_and_with_its_version()
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(_server.RootFile).CreateHandler());
        var url = new Uri($"https://localhost:{_server.HttpsPort}/.well-known/iotfleet/v1/trust-bundle");
        using var answer = await http.GetAsync(url);
        using var root = _server.Root;
        Assert.True(TrustBundleDocument.TryVerify(await answer.Content.ReadAsByteArrayAsync(), [root], TimeProvider.System, out var bundle, out var problem), problem);
        Assert.Equal($"{bundle.Version}", Assert.Single(answer.Headers.GetValues("Trust-Bundle-Version")));

        using var again = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { { "If-None-Match", answer.Headers.ETag!.ToString() } } };
        using var unchanged = await http.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task Drill_names_the_device_that_is_behind()
    {
        using var certificate = await _server.EnrolAsync("pump-1");
        await SayAsync(certificate, bundle: 1);
        await _server.Client.RotateAuthorityAsync((await _server.Client.PrepareAuthorityAsync("devices")).Id, "publish");
        var step = Assert.Single((await _server.Client.DrillRotationAsync("devices")).Steps);
        var device = Assert.Single(step.UnpreparedDevices);
        Assert.Equal(("pump-1", "bundle-too-old", false), (device.Id, device.Reason, device.Breaks));
        Assert.False(step.Allowed);
    }

    [Theory]
    [InlineData("firewalls")]
    [InlineData("0")]
    public async Task Unknown_purpose_is_refused(string purpose)
    {
        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.PrepareAuthorityAsync(purpose));
        Assert.Equal(ProblemCodes.InvalidRequest, problem.Code);
    }

    private async Task<(string Id, byte[] Certificate)> RotateAsync(string purpose)
    {
        var next = await _server.Client.PrepareAuthorityAsync(purpose);
        await _server.Client.RotateAuthorityAsync(next.Id, "publish");
        await _server.Client.RotateAuthorityAsync(next.Id, "activate", force: true);
        return (next.Id, _server.Get<AuthorityDirectory>().Current.Find(next.Id)!.Certificate.RawData);
    }

    private async Task StepAsync(string purpose, int generation, string step, bool force = false)
    {
        var authority = (await _server.Client.GetAuthoritiesAsync()).Single(one => one.Purpose == purpose && one.Generation == generation);
        await _server.Client.RotateAuthorityAsync(authority.Id, step, force);
    }

    private async Task SayAsync(X509Certificate2 certificate, long bundle)
    {
        await using var device = await _server.OpenAsync(certificate);
        await device.ConnectAsync("pump-1", properties: new PropertyBlock { UserProperties = [new UserProperty("trust-bundle", $"{bundle}")] });
        await _server.Get<DeviceSightings>().WriteAsync(default);
    }

    private async Task ExpectKnownToAsync(params X509Certificate2[] roots)
    {
        foreach (var root in roots)
        {
            foreach (var port in new[] { _server.MqttPort, _server.HttpsPort }) Assert.True(await IsKnownAsync(port, root), $"port {port} is not known to who trusts {root.Subject} alone");
        }
    }

    /// <param name="root">All that the device trusts.</param>
    /// <param name="certificate">Its own.</param>
    /// <param name="deviceId">Its id.</param>
    /// <param name="sameAs">A connection of it that is alive, and gives way.</param>
    private async Task ExpectConnectedAsync(X509Certificate2 root, X509Certificate2 certificate, string deviceId, RawClient? sameAs = null)
    {
        if (sameAs is not null) await ExpectAliveAsync(sameAs);
        await using var device = await RunningServer.OpenAsync(_server.MqttPort, root, certificate);
        Assert.Equal(ReasonCode.Success, (await device.ConnectAsync(deviceId)).Reason);
    }

    private static async Task ExpectAliveAsync(RawClient client)
    {
        await client.SendAsync(PingReqPacket.Instance);
        await client.ExpectAsync<PingRespPacket>();
    }

    /// <summary>As a device verifies the server: by one root, and by what the server sends.</summary>
    private static async Task<bool> IsKnownAsync(int port, X509Certificate2 root)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using var tls = new SslStream(socket.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", CertificateChainPolicy = TrustPolicy.For(root, [], TimeProvider.System) });
            return true;
        }
        catch (System.Security.Authentication.AuthenticationException)
        {
            return false;
        }
    }

    private static async Task<X509Certificate2> ServerCertificateAsync(int port)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null });
        return X509CertificateLoader.LoadCertificate(tls.RemoteCertificate!.GetRawCertData());
    }
}
