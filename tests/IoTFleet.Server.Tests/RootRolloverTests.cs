using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Device;
using IoTFleet.Device.Identity;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using IoTFleet.Mqtt;
using IoTFleet.Pki;
using IoTFleet.Server.Tests.Attacks;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests;

/// <summary>The whole life of a change of roots, and who knows the server in each part of it.</summary>
public sealed class RootRolloverTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] BelowTheRoot = ["servers", "devices", "services", "claims"];

    private readonly FakeClock _clock = new(TimeProvider.System.GetUtcNow());
    private readonly CancellationTokenSource _ending = new();
    private readonly MemoryKeyStore _store = new();
    private readonly TemporaryFolder _folder = new();
    private Task _ticking = Task.CompletedTask;
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(_clock, ("Renewal:Spread", "00:01:00"));
        _ticking = TickAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _ticking;
        await _server.DisposeAsync();
        _ending.Dispose();
        _folder.Dispose();
    }

    /// <summary>By the gates alone: what the devices say of the bundle they hold opens each, and the device that pinned the old root is in at the end.</summary>
    [Theory]
    [InlineData(ProtocolVersion.V5)]
    [InlineData(ProtocolVersion.V311)]
    public async Task Fleet_of_sdk_devices_changes_its_root_without_force(ProtocolVersion version)
    {
        var options = await OptionsAsync() with { Protocol = version };
        await RestartAsync(options);
        foreach (var purpose in BelowTheRoot.Prepend("root"))
        {
            var next = await PublishedAsync(purpose);
            await RestartAsync(options);
            await _server.Client.RotateAuthorityAsync(next, "activate");
        }

        await _server.Client.RequestRenewalsAsync(new RequestRenewalsRequest { DeviceId = options.DeviceId });
        _clock.Leap(TimeSpan.FromMinutes(2));
        await RestartAsync(options, renewals: 1);
        foreach (var purpose in BelowTheRoot.Append("root")) await Eventually.TrueAsync(() => IsRemovedAsync(purpose), Patience);

        await RestartAsync(options);
        using var old = _server.Root;
        Assert.Equal([old.RawData], (await _store.LoadAsync(default))!.TrustAnchors.Select(anchor => anchor.ToArray()));
        Assert.DoesNotContain(_server.Get<AuthorityDirectory>().Current.Roots, root => root.Thumbprint == old.Thumbprint);
    }

    /// <summary>Three that trust what they were given and take no bundle, and openssl and GnuTLS in their place.</summary>
    [Fact]
    public async Task Who_knows_the_old_root_and_who_knows_only_the_new_one_connect_at_every_step()
    {
        using var old = _server.Root;
        await ExpectAsync("before", [old]);
        var next = await _server.Client.PrepareAuthorityAsync("root");
        using var young = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(_server.DataPath, "ca", "root-2.pem"));
        await ExpectAsync("prepared", [old], stranger: young);
        await _server.Client.RotateAuthorityAsync(next.Id, "publish");
        await ExpectAsync("published", [old], [old, young], [young]);
        await _server.Client.RotateAuthorityAsync(next.Id, "activate", force: true);
        await ExpectAsync("active", [old], [old, young], [young]);
        foreach (var purpose in BelowTheRoot)
        {
            await _server.Client.RotateAuthorityAsync(await PublishedAsync(purpose), "activate", force: true);
            await ExpectAsync($"active, and {purpose} below it", [old], [old, young], [young]);
        }

        foreach (var purpose in BelowTheRoot) await RemoveAsync(purpose);
        await ExpectAsync("retired", [old], [old, young], [young]);
        await RemoveAsync("root");
        await ExpectAsync("removed", [young], stranger: old);
        await ExpectAsync("removed", [old, young]);
    }

    [Fact]
    public async Task Third_root_has_to_wait_until_the_first_was_removed()
    {
        await _server.Client.RotateAuthorityAsync(await PublishedAsync("root"), "activate", force: true);
        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.PrepareAuthorityAsync("root"));
        Assert.Contains("two roots are believed already", problem.Message, StringComparison.Ordinal);
    }

    private async Task TickAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    private async Task<string> PublishedAsync(string purpose)
    {
        var next = await _server.Client.PrepareAuthorityAsync(purpose);
        await _server.Client.RotateAuthorityAsync(next.Id, "publish");
        return next.Id;
    }

    /// <summary>The power goes and comes; the device is in, holds the newest bundle, has said so, and what it sends is stored.</summary>
    private async Task RestartAsync(DeviceOptions options, int renewals = 0)
    {
        await using var device = await DeviceClient.StartAsync(options);
        await device.WaitConnectedAsync().WaitAsync(Patience);
        await Eventually.TrueAsync(() => Task.FromResult(device.Renewals == renewals && device.TrustBundleVersion == _server.Get<AuthorityDirectory>().Current.BundleVersion), Patience);
        await device.WaitConnectedAsync().WaitAsync(Patience);
        await device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);
        await Eventually.TrueAsync(async () => await SaidAsync(options.DeviceId) == device.TrustBundleVersion, Patience);
    }

    /// <summary>The bundle that the device is known to hold.</summary>
    private async Task<long?> SaidAsync(string id)
    {
        await _server.Get<DeviceSightings>().WriteAsync(default);
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        return (await db.Devices.AsNoTracking().SingleAsync(device => device.Id == id)).TrustBundleVersion;
    }

    private async Task<bool> IsRemovedAsync(string purpose)
    {
        await _server.Get<DeviceSightings>().WriteAsync(default);
        try
        {
            await RemoveAsync(purpose, force: false);
            return true;
        }
        catch (ApiProblemException notYet) when (notYet.Code == ProblemCodes.AuthorityNotReady)
        {
            return false;                                      // the first use of a renewed certificate is written beside the connection
        }
    }

    private async Task RemoveAsync(string purpose, bool force = true)
    {
        var first = (await _server.Client.GetAuthoritiesAsync()).Single(one => one.Purpose == purpose && one.Generation == 1);
        await _server.Client.RotateAuthorityAsync(first.Id, "remove", force);
    }

    private async Task ExpectAsync(string step, params X509Certificate2[][] anchors)
    {
        await SettledAsync();
        foreach (var trusted in anchors)
        {
            foreach (var port in new[] { _server.MqttPort, _server.HttpsPort })
            {
                Assert.True(await IsKnownToOpensslAsync(port, trusted), $"{step}: openssl, {trusted.Length} anchors from {trusted[0].Subject}, port {port}");
                Assert.True(await IsKnownToGnuTlsAsync(port, trusted), $"{step}: GnuTLS, {trusted.Length} anchors from {trusted[0].Subject}, port {port}");
            }

            var id = $"pump-{Guid.CreateVersion7():n}";
            using var certificate = await _server.EnrolAsync(id);
            await using var device = await ConnectAsync(trusted, certificate);
            Assert.Equal(ReasonCode.Success, (await device.ConnectAsync(id)).Reason);
        }
    }

    private async Task ExpectAsync(string step, X509Certificate2[] anchors, X509Certificate2 stranger)
    {
        await ExpectAsync(step, anchors);
        Assert.False(await IsKnownToOpensslAsync(_server.MqttPort, [stranger]), $"{step}: {stranger.Subject}");
        Assert.False(await IsKnownToGnuTlsAsync(_server.HttpsPort, [stranger]), $"{step}: {stranger.Subject}");
    }

    /// <summary>The server's certificate is the active authority's.</summary>
    private Task SettledAsync() => Eventually.TrueAsync(
        () => Task.FromResult(AuthorityId.OfIssuer(_server.Get<Security.FleetIdentity>().Server.Certificate) == _server.Get<AuthorityDirectory>().Current.Active(AuthorityPurpose.Servers)!.Id), Patience);

    private async Task<bool> IsKnownToOpensslAsync(int port, X509Certificate2[] anchors)
    {
        using var openssl = new OpensslClient(_server);
        var said = await openssl.RunAsync(port, "GET / HTTP/1.0\r\n\r\n"u8.ToArray(), "-CAfile", Pem(anchors), "-verify_return_error", "-verify_hostname", "localhost");
        return said.Contains("Verify return code: 0 (ok)", StringComparison.Ordinal);
    }

    private async Task<bool> IsKnownToGnuTlsAsync(int port, X509Certificate2[] anchors)
    {
        using var process = Process.Start(new ProcessStartInfo(Peers.Require("gnutls-cli"), [$"--x509cafile={Pem(anchors)}", "-p", $"{port}", "localhost"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (await output + await errors).Contains("The certificate is trusted", StringComparison.Ordinal);
    }

    private string Pem(X509Certificate2[] anchors) => TestPki.WriteCertificates(_folder.Path, string.Concat(anchors.Select(anchor => anchor.Thumbprint[..8])), anchors);

    private async Task<RawClient> ConnectAsync(X509Certificate2[] anchors, X509Certificate2 certificate)
    {
        var tls = _server.TlsOptions(certificate);
        tls.CertificateChainPolicy!.CustomTrustStore.Clear();
        tls.CertificateChainPolicy.CustomTrustStore.AddRange(anchors);
        return await RunningServer.OpenAsync(_server.MqttPort, tls);
    }

    private async Task<DeviceOptions> OptionsAsync() => new()
    {
        DeviceId = "pump-7",
        Server = new Uri($"https://localhost:{_server.HttpsPort}"),
        RootFingerprint = _server.RootFingerprint,
        BrokerPort = _server.MqttPort,
        EnrolmentToken = (await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "sdk" })).Secret,
        KeyStore = _store,
        Clock = _clock,
        KeepAlive = TimeSpan.FromHours(18),
        AckTimeout = TimeSpan.FromHours(1),
        ConnectTimeout = TimeSpan.FromHours(1),
        BackoffMin = TimeSpan.FromMilliseconds(1),
        BackoffMax = TimeSpan.FromMilliseconds(2),
        TroubleMet = trouble => Assert.Fail(trouble.Message),
    };
}
