using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Refusals;
using IoTFleet.Mqtt;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Server.Tests;

/// <summary>The real server in this process: real Kestrel, real TLS, real SQLite, ports of its own on loopback.</summary>
public sealed class RunningServer : IAsyncDisposable
{
    private const string StatusPortSetting = "IoTFleet:StatusPort";

    private readonly TemporaryFolder _folder;
    private FleetServer _server;
    private bool _keepFolder;
    private TimeProvider? _clock;
    private (string Name, string Value)[] _settings = [];

    private RunningServer(TemporaryFolder folder, FleetServer server, StrictLog log)
    {
        (_folder, _server, Log) = (folder, server, log);
        Client = new FleetClient(new Uri($"https://localhost:{server.HttpsPort}"), ApiKey, ServerTrust.FromRootFile(RootFile));
    }

    public StrictLog Log { get; }

    /// <summary>The administrator's REST client.</summary>
    public FleetClient Client { get; private set; }

    public int MqttPort => _server.MqttPort;

    public int HttpsPort => _server.HttpsPort;

    /// <summary>Of the plain port; -1 unless the test asked for one.</summary>
    public int StatusPort => _server.StatusPort ?? -1;

    public string RootFingerprint => _server.RootFingerprint;

    public string DataPath => _server.DataPath;

    public string RootFile => Path.Combine(DataPath, "ca", "root.pem");

    public string ApiKey => File.ReadAllText(Path.Combine(DataPath, "admin.key")).Trim();

    public X509Certificate2 Root => X509CertificateLoader.LoadCertificateFromFile(RootFile);

    public FleetAuthorities Authorities => _server.Services.GetRequiredService<FleetAuthorities>();

    public T Get<T>()
        where T : notnull => _server.Services.GetRequiredService<T>();

    /// <summary>Events of the log that this test provokes.</summary>
    public string[] ExpectedEvents { get; set; } = [];

    public static Task<RunningServer> StartAsync(params (string Name, string Value)[] settings) => StartAsync(new TemporaryFolder(), keepFolder: false, settings);

    /// <summary>With a clock that the test moves; it should start at the present, by which clients judge certificates.</summary>
    public static async Task<RunningServer> StartAsync(TimeProvider clock, params (string Name, string Value)[] settings)
    {
        var (folder, log) = (new TemporaryFolder(), new StrictLog());
        return new RunningServer(folder, await StartAsync(folder, log, clock, settings), log) { _clock = clock, _settings = settings };
    }

    /// <summary>On a folder that goes on to another server when it is kept: then it is the caller's to dispose of.</summary>
    public static async Task<RunningServer> StartAsync(TemporaryFolder folder, bool keepFolder, params (string Name, string Value)[] settings)
    {
        var log = new StrictLog();
        return new RunningServer(folder, await StartAsync(folder, log, clock: null, settings), log) { _keepFolder = keepFolder, _settings = settings };
    }

    /// <summary>Stops in good order and starts again on the same data with the same settings; ports change.</summary>
    public async Task RestartAsync()
    {
        await _server.DisposeAsync();
        _server = await StartAsync(_folder, Log, _clock, _settings);
        Client.Dispose();
        Client = new FleetClient(new Uri($"https://localhost:{_server.HttpsPort}"), ApiKey, ServerTrust.FromRootFile(RootFile));
    }

    /// <summary>Enrols a device by the use case itself and returns its certificate with the key.</summary>
    public async Task<X509Certificate2> EnrolAsync(string deviceId)
    {
        var token = await Client.CreateTokenAsync(new Api.CreateTokenRequest { Name = "test", DeviceId = deviceId });
        Xunit.Assert.True(SigningRequest.TryParse(TestPki.Request(deviceId, out var key), out var request, out var problem), problem);
        var result = await Get<EnrolDevice>().RunAsync(new EnrolDeviceRequest(token.Secret, deviceId, request), CancellationToken.None);
        var issued = Xunit.Assert.IsType<EnrolDeviceResult.Issued>(result);
        using (key)
        using (var certificate = X509CertificateLoader.LoadCertificate(issued.CertificateDer.Span))
        {
            return certificate.CopyWithPrivateKey(key);
        }
    }

    /// <summary>Creates a service with these rights and returns a certificate of it with the key.</summary>
    public async Task<X509Certificate2> CreateServiceAsync(string name, string[] subscribe, string[] publish)
    {
        await Client.CreateServiceAsync(new Api.CreateServiceRequest { Name = name, Subscribe = subscribe, Publish = publish });
        return await IssueAsync(name);
    }

    /// <summary>One more certificate for a service.</summary>
    public async Task<X509Certificate2> IssueAsync(string serviceName)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={serviceName}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        var issued = await Client.IssueServiceCertificateAsync(serviceName, request);
        using var certificate = X509Certificate2.CreateFromPem(issued.CertificatePem);
        return certificate.CopyWithPrivateKey(key);
    }

    /// <summary>Opens a TLS connection to the MQTT port; the handshake may succeed here although the server refuses the certificate.</summary>
    public Task<RawClient> OpenAsync(X509Certificate2? certificate, ProtocolVersion version = ProtocolVersion.V5, SslProtocols protocols = SslProtocols.None) =>
        OpenAsync(MqttPort, Root, certificate, version, protocols);

    /// <summary>The same to any server of ours on this machine.</summary>
    public static Task<RawClient> OpenAsync(
        int port, X509Certificate2 root, X509Certificate2? certificate, ProtocolVersion version = ProtocolVersion.V5, SslProtocols protocols = SslProtocols.None) =>
        OpenAsync(port, TlsOptions(root, certificate, protocols), version);

    /// <summary>The same in terms of the test's own.</summary>
    public static async Task<RawClient> OpenAsync(int port, SslClientAuthenticationOptions terms, ProtocolVersion version = ProtocolVersion.V5)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(terms);
        return new RawClient(DuplexPipe.Over(tls), version);
    }

    /// <summary>How a client of the fleet does TLS: our root, its certificate.</summary>
    public SslClientAuthenticationOptions TlsOptions(X509Certificate2? certificate, SslProtocols protocols = SslProtocols.None) => TlsOptions(Root, certificate, protocols);

    private static SslClientAuthenticationOptions TlsOptions(X509Certificate2 root, X509Certificate2? certificate, SslProtocols protocols)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.Add(root);
        return new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = protocols,
            CertificateChainPolicy = policy,
            ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, null, offline: true),
        };
    }

    /// <summary>Connects as the device of the certificate and expects to be let in.</summary>
    public async Task<RawClient> ConnectAsync(string deviceId, X509Certificate2 certificate, ProtocolVersion version = ProtocolVersion.V5)
    {
        var client = await OpenAsync(certificate, version);
        var answer = await client.ConnectAsync(deviceId);
        Xunit.Assert.Equal(ReasonCode.Success, answer.Reason);
        return client;
    }

    /// <summary>How often this reason was counted.</summary>
    public long Refused(string reason) => Get<BrokerMetrics>().RefusalsByReason().GetValueOrDefault(reason);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        // Whatever this test provoked: nobody was turned away for a reason that the one list does not hold.
        Xunit.Assert.DoesNotContain(Get<BrokerMetrics>().RefusalsByReason().Keys, code => ReasonCodes.Find(code) is null);
        await _server.DisposeAsync();
        if (!_keepFolder) _folder.Dispose();
        Log.AssertClean(ExpectedEvents);
    }

    private static Task<FleetServer> StartAsync(TemporaryFolder folder, StrictLog log, TimeProvider? clock, params (string Name, string Value)[] settings) => FleetServer.StartAsync(
        new Dictionary<string, string?>(settings.Where(setting => setting.Name != StatusPortSetting).Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)))
        {
            [StatusPortSetting] = settings.Where(setting => setting.Name == StatusPortSetting).Select(setting => setting.Value).SingleOrDefault("-1"),
            ["IoTFleet:Data"] = folder.Path,
            ["IoTFleet:MqttPort"] = "0",
            ["IoTFleet:HttpsPort"] = "0",
        },
        builder =>
        {
            builder.Logging.ClearProviders().AddProvider(log);
            if (clock is not null) builder.Services.AddSingleton(clock);
        });
}
