using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Device;
using IoTFleet.Device.Identity;
using IoTFleet.Server.Tests.Est;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>Each way by which the SDK brings a device into a fleet, against the real server, in the server's JSON and in plain EST.</summary>
public sealed class DeviceWaysInTests : IAsyncLifetime
{
    private const string Device = "pump-7";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentQueue<DeviceState> _states = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(EnrolmentProtocol.Fleet)]
    [InlineData(EnrolmentProtocol.Est)]
    public async Task By_a_token(EnrolmentProtocol protocol) =>
        await EntersAsync(Options(protocol) with { EnrolmentToken = await _server.TokenAsync() });

    [Theory]
    [InlineData(EnrolmentProtocol.Fleet)]
    [InlineData(EnrolmentProtocol.Est)]
    public async Task By_a_claim_certificate(EnrolmentProtocol protocol)
    {
        using var claim = await _server.ClaimAsync("b1");

        await EntersAsync(Options(protocol) with { EnrolmentCertificate = Files(claim, inOne: true) });

        Assert.Equal(1, (await _server.Client.GetBatchAsync("b1")).Used);
    }

    [Theory]
    [InlineData(EnrolmentProtocol.Fleet)]
    [InlineData(EnrolmentProtocol.Est)]
    public async Task By_its_makers_identity(EnrolmentProtocol protocol)
    {
        using var identity = await _server.DeviceIdentityAsync("line-1", Device);

        await EntersAsync(Options(protocol) with { EnrolmentCertificate = Files(identity, inOne: false) });
    }

    [Fact]
    public async Task By_its_makers_identity_whose_key_is_in_a_token()
    {
        await SoftToken.RequireAsync();
        using var identity = await _server.DeviceIdentityAsync("line-1", Device);
        var (files, label) = (Files(identity, inOne: false), SoftToken.NewLabel("idevid"));
        await File.WriteAllTextAsync(_folder.File("idevid.p8"), identity.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        await SoftToken.ImportAsync(_folder.File("idevid.p8"), label);
        await File.WriteAllTextAsync(_folder.File("pin"), SoftToken.Pin);

        await EntersAsync(Options() with { EnrolmentCertificate = files with { KeyFile = null, HardwareKey = SoftToken.Uri(label), PinFile = _folder.File("pin") } });
    }

    /// <summary>It has nothing but its name, and says in its states that it waits for a person.</summary>
    [Theory]
    [InlineData(EnrolmentProtocol.Fleet)]
    [InlineData(EnrolmentProtocol.Est)]
    public async Task By_an_operators_approval(EnrolmentProtocol protocol)
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "yard", Ways = [EnrolmentWayNames.Token], ApprovalRequired = true });
        var starting = EntersAsync(Options(protocol) with { EnrolmentGroup = "yard", EnrolmentToken = await _server.TokenAsync("yard", uses: 1), BackoffMax = TimeSpan.FromMilliseconds(500) });
        await Eventually.TrueAsync(() => Task.FromResult(_states.Any(state => state is DeviceState.Waiting waiting && waiting.Reason.Contains("operator"))), Patience);
        var waiting = Assert.Single(await _server.Client.GetPendingAsync());

        await _server.Client.ApproveAsync(waiting.Id);

        await starting;
    }

    [Theory]
    [InlineData(EnrolmentProtocol.Fleet)]
    [InlineData(EnrolmentProtocol.Est)]
    public async Task By_a_file_of_trust_anchors_in_place_of_a_fingerprint(EnrolmentProtocol protocol)
    {
        using var other = new TestPki();
        await File.WriteAllTextAsync(_folder.File("anchors.pem"), other.Root.ExportCertificatePem() + "\n" + _server.Root.ExportCertificatePem());

        await EntersAsync(Options(protocol) with { RootFingerprint = null, TrustAnchorFile = _folder.File("anchors.pem"), EnrolmentToken = await _server.TokenAsync() });
    }

    [Fact]
    public async Task A_server_that_no_trust_anchor_proves_gets_no_token()
    {
        using var other = new TestPki();
        await File.WriteAllTextAsync(_folder.File("anchors.pem"), other.Root.ExportCertificatePem());
        var options = Options() with { RootFingerprint = null, TrustAnchorFile = _folder.File("anchors.pem"), EnrolmentToken = await _server.TokenAsync() };

        var refused = await Assert.ThrowsAsync<DeviceException>(() => DeviceClient.StartAsync(options));

        Assert.Equal(DeviceError.ServerNotTrusted, refused.Error);
        Assert.Equal(0, Assert.Single((await _server.Client.GetTokensPageAsync()).Items).Uses);
    }

    /// <summary>The certificate is issued, the answer never arrives: the second request costs nothing and gets the same certificate.</summary>
    [Theory]
    [InlineData(EnrolmentProtocol.Fleet)]
    [InlineData(EnrolmentProtocol.Est)]
    public async Task An_answer_that_is_lost_is_asked_for_again_at_no_cost(EnrolmentProtocol protocol)
    {
        var token = await _server.TokenAsync(uses: 1);
        await using var proxy = new LosingProxy(_server.HttpsPort, async () => (await _server.Client.GetTokensPageAsync()).Items.Single().Uses > 0);

        await EntersAsync(Options(protocol) with { Server = new Uri($"https://localhost:{proxy.Port}"), EnrolmentToken = token });

        Assert.True(proxy.HasLost, "no answer was lost");
        Assert.Single((await _server.Client.GetDeviceAsync(Device)).Certificates);
        Assert.Equal(1, Assert.Single((await _server.Client.GetTokensPageAsync()).Items).Uses);
    }

    [Fact]
    public async Task A_refusal_says_the_servers_code_and_not_the_token()
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "small", Ways = [EnrolmentWayNames.Token], IdPattern = "valve-*" });

        var refused = await Assert.ThrowsAsync<DeviceException>(async () => await EntersAsync(Options() with { EnrolmentToken = await _server.TokenAsync("small") }));

        Assert.Equal(DeviceError.EnrolmentRefused, refused.Error);
        Assert.Contains("group-id-pattern", refused.Message);
        Assert.DoesNotContain("iot_", refused.ToString());
    }

    [Fact]
    public async Task An_enrolment_in_the_fleets_json_brings_the_trust_bundle()
    {
        await using var device = await DeviceClient.StartAsync(Options() with { EnrolmentToken = await _server.TokenAsync() });

        Assert.NotNull(device.TrustBundleVersion);
    }

    private DeviceOptions Options(EnrolmentProtocol protocol = EnrolmentProtocol.Fleet) => new()
    {
        DeviceId = Device,
        Server = new Uri($"https://localhost:{_server.HttpsPort}"),
        RootFingerprint = _server.RootFingerprint,
        BrokerPort = _server.MqttPort,
        EnrolmentProtocol = protocol,
        KeyStore = new FileKeyStore(_folder.File(Device)),
        StateChanged = _states.Enqueue,
        BackoffMin = TimeSpan.FromMilliseconds(50),
        BackoffMax = TimeSpan.FromSeconds(1),
    };

    private EnrolmentCertificate Files(X509Certificate2 certificate, bool inOne)
    {
        var (file, keyFile) = (_folder.File("credential.pem"), _folder.File(inOne ? "credential.pem" : "credential.key"));
        File.WriteAllText(file, certificate.ExportCertificatePem() + "\n");
        File.AppendAllText(keyFile, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return new EnrolmentCertificate { CertificateFile = file, KeyFile = inOne ? null : keyFile };
    }

    private async Task EntersAsync(DeviceOptions options)
    {
        await using var device = await DeviceClient.StartAsync(options).WaitAsync(Patience);
        await device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);
        Assert.Equal(Device, (await _server.Client.GetLatestTelemetryAsync(Device)).DeviceId);
    }

    /// <summary>Stands before the server. Until a request has had its effect there, the answer to it goes nowhere.</summary>
    private sealed class LosingProxy : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _ending = new();
        private readonly Task _accepting;
        private volatile bool _hasLost;

        public LosingProxy(int serverPort, Func<Task<bool>> hasHadEffect)
        {
            _listener.Start();
            _accepting = AcceptAsync(serverPort, hasHadEffect);
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public bool HasLost => _hasLost;

        public async ValueTask DisposeAsync()
        {
            await _ending.CancelAsync();
            _listener.Stop();
            await _accepting;
            _ending.Dispose();
        }

        private async Task AcceptAsync(int serverPort, Func<Task<bool>> hasHadEffect)
        {
            try
            {
                while (true)
                {
                    using var near = await _listener.AcceptTcpClientAsync(_ending.Token);
                    using var far = new TcpClient();
                    await far.ConnectAsync(IPAddress.Loopback, serverPort, _ending.Token);
                    await Task.WhenAny(PumpAsync(near.GetStream(), far.GetStream(), () => Task.FromResult(true)), PumpAsync(far.GetStream(), near.GetStream(), async () =>
                    {
                        if (_hasLost || !await hasHadEffect()) return true;
                        _hasLost = true;
                        return false;
                    }));
                }
            }
            catch (Exception ended) when (ended is OperationCanceledException or SocketException)
            {
                // Disposed.
            }
        }

        private async Task PumpAsync(NetworkStream from, NetworkStream to, Func<Task<bool>> mayPass)
        {
            try
            {
                var buffer = new byte[16 * 1024];
                while (await from.ReadAsync(buffer, _ending.Token) is > 0 and var read && await mayPass()) await to.WriteAsync(buffer.AsMemory(0, read), _ending.Token);
            }
            catch (Exception cut) when (cut is IOException or ObjectDisposedException or OperationCanceledException)
            {
                // One side has gone, and with it the other goes.
            }
        }
    }
}
