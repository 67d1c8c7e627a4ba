using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using IoTFleet.Server.Security;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>Real handshakes over loopback, both ends in this process.</summary>
public sealed class DeviceTlsTests : IDisposable
{
    // Far from the machine's time, so that a certificate judged by another clock than this one would be refused.
    private readonly FakeClock _clock = new(new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly TestPki _pki;
    private readonly List<TlsRefusal> _refusals = [];
    private readonly DeviceTls _tls;

    public DeviceTlsTests()
    {
        _pki = new TestPki(_clock);
        var trust = TrustSnapshot.Of(_pki.Authorities, _clock);
        _tls = new DeviceTls(() => trust, _pki.Server(), _clock, _refusals.Add);
    }

    public static TheoryData<string, string> BadCertificates => new()
    {
        { "none", "no-certificate" },
        { "self-signed", "untrusted" },
        { "other authority", "untrusted" },
        { "server", "wrong-issuer" },
        { "device by the server authority", "wrong-issuer" },
        { "device by a device", "untrusted" },
        { "without purpose", "wrong-purpose" },
        { "with server purpose", "wrong-purpose" },
        { "other host", "name-not-allowed" },
        { "device by the service authority", "wrong-issuer" },
        { "service by the device authority", "wrong-issuer" },
    };

    [Theory]
    [MemberData(nameof(BadCertificates))]
    public async Task Bad_certificate_is_refused_with_its_reason(string kind, string code)
    {
        Assert.False(await HandshakeAsync(_tls.ForMqtt(IPEndPoint.Parse("10.0.0.7:1234")), Certificate(kind)));
        var refusal = Assert.Single(_refusals);
        Assert.Equal(code, refusal.Code);
        Assert.Equal("10.0.0.7:1234", refusal.Address!.ToString());
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Device_that_sends_its_leaf_alone_is_accepted(SslProtocols protocol)
    {
        Assert.True(await HandshakeAsync(_tls.ForMqtt(null), _pki.Device("pump-1"), protocol));
        Assert.Empty(_refusals);
    }

    [Fact]
    public async Task Service_is_accepted() => Assert.True(await HandshakeAsync(_tls.ForMqtt(null), _pki.Service("billing")));

    [Fact]
    public async Task Refusal_names_the_device_that_was_claimed()
    {
        await HandshakeAsync(_tls.ForMqtt(null), _pki.SelfSigned("pump-1"));
        Assert.Equal("pump-1", Assert.Single(_refusals).Name);
    }

    [Fact]
    public async Task Many_handshakes_leave_the_trust_intact()
    {
        for (var i = 0; i < 5; i++) Assert.True(await HandshakeAsync(_tls.ForMqtt(null), _pki.Device("pump-1")));
        Assert.False(await HandshakeAsync(_tls.ForMqtt(null), _pki.OtherAuthority("pump-1")));
        Assert.True(await HandshakeAsync(_tls.ForMqtt(null), _pki.Device("pump-1")));
        Assert.NotEqual(0, _pki.DeviceIssuer.Handle);
        Assert.NotEqual(0, _pki.ServerIssuer.Handle);
        Assert.NotEqual(0, _pki.Root.Handle);
    }

    [Fact]
    public async Task Certificate_expires_by_the_servers_clock_and_the_verdict_says_so()
    {
        var device = _pki.Device("pump-1");
        Assert.Null((await VerdictAsync(device)).Refusal);
        _clock.Advance(TimeSpan.FromDays(30));
        Assert.Equal("expired", (await VerdictAsync(device)).Refusal?.Code);
        Assert.Empty(_refusals);        // counted where it is told
    }

    [Theory]
    [InlineData(true, "expired")]
    [InlineData(false, "not-yet-valid")]
    public async Task Certificate_with_wrong_dates_is_let_through_with_a_refusal(bool expired, string code)
    {
        var verdict = await VerdictAsync(expired ? _pki.Expired("pump-1") : _pki.NotYetValid("pump-1"));
        Assert.Equal((PeerKind.Device, "pump-1", code), (verdict.Kind, verdict.Identity, verdict.Refusal?.Code));
    }

    [Fact]
    public async Task Verdict_holds_the_facts_of_the_certificate()
    {
        var device = _pki.Device("pump-1");
        var verdict = await VerdictAsync(device);
        Assert.Equal((PeerKind.Device, "pump-1"), (verdict.Kind, verdict.Identity));
        Assert.Equal(SerialNumber.Of(device).Hex, verdict.Serial);
        Assert.Equal(AuthorityId.Of(_pki.DeviceIssuer), verdict.IssuerId);
        Assert.Equal(Fingerprint.Sha256(device.PublicKey.ExportSubjectPublicKeyInfo()), verdict.KeyFingerprint);
    }

    [Fact]
    public async Task Renewed_server_certificate_is_used_by_the_next_handshake()
    {
        var renewed = _pki.Server("localhost");
        _tls.UseServerCertificate(renewed);
        string? seen = null;
        await HandshakeAsync(_tls.ForMqtt(null), _pki.Device("pump-1"), onServerCertificate: certificate => seen = certificate.Thumbprint);
        Assert.Equal(renewed.Thumbprint, seen);
    }

    [Fact]
    public async Task Mqtt_is_chosen_when_the_client_offers_it()
    {
        string? chosen = null;
        Assert.True(await HandshakeAsync(_tls.ForMqtt(null), _pki.Device("pump-1"), offer: "mqtt", onProtocol: protocol => chosen = protocol));
        Assert.Equal("mqtt", chosen);
    }

    [Fact]
    public async Task Https_takes_a_client_without_certificate() => Assert.True(await HandshakeAsync(_tls.ForHttps(null), null));

    [Fact]
    public async Task Https_takes_a_device() => Assert.True(await HandshakeAsync(_tls.ForHttps(null), _pki.Device("pump-1")));

    [Fact]
    public async Task Https_refuses_a_bad_certificate()
    {
        Assert.False(await HandshakeAsync(_tls.ForHttps(null), _pki.SelfSigned("pump-1")));
        Assert.Equal("untrusted", Assert.Single(_refusals).Code);
    }

    [Fact]
    public async Task Https_tells_browsers_whose_certificates_it_takes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere .NET cannot send the list.");
        string[] named = [];
        Assert.True(await HandshakeAsync(_tls.ForHttps(null), null, onNamedIssuers: issuers => named = issuers));
        Assert.Equal([_pki.DeviceIssuer.Subject, _pki.ClaimIssuer.Subject, _pki.ServiceIssuer.Subject], named);
    }

    [Fact]
    public async Task Address_named_in_a_certificate_is_not_visited()
    {
        using var trap = new TcpListener(IPAddress.Loopback, 0);
        trap.Start();
        Assert.False(await HandshakeAsync(_tls.ForMqtt(null), _pki.OtherAuthority("pump-1", $"http://{trap.LocalEndpoint}/issuer.cer")));
        Assert.False(trap.Pending());
    }

    [Fact]
    public async Task Buffers_of_an_idle_connection_can_be_given_back()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere TLS is not OpenSSL's.");
        var given = false;
        Assert.True(await HandshakeAsync(_tls.ForMqtt(null), _pki.Device("pump-1"), onServer: server => given = OpenSslBuffers.ReleaseWhenIdle(server)));
        Assert.True(given, "This runtime's SslStream is not as OpenSslBuffers knows it.");
    }

    [Fact]
    public void Every_reason_has_a_code_of_its_own()
    {
        var codes = Enum.GetValues<TlsRefusalReason>().Select(reason => new TlsRefusal(reason, "", null, null).Code).ToList();
        Assert.Equal(codes.Count, codes.Distinct().Count());
    }

    public void Dispose() => _pki.Dispose();

    private async Task<PeerVerdict> VerdictAsync(X509Certificate2 certificate)
    {
        PeerVerdict? verdict = null;
        Assert.True(await HandshakeAsync(_tls.ForMqtt(null, accepted => verdict = accepted), certificate));
        return verdict!;
    }

    private X509Certificate2? Certificate(string kind) => kind switch
    {
        "none" => null,
        "self-signed" => _pki.SelfSigned("pump-1"),
        "other authority" => _pki.OtherAuthority("pump-1"),
        "server" => _pki.Server(),
        "device by the server authority" => _pki.DeviceFromServerAuthority("pump-1"),
        "device by a device" => _pki.IssuedByDevice("pump-1", issuer: "pump-2"),
        "device by the service authority" => _pki.DeviceFromServiceAuthority("pump-1"),
        "service by the device authority" => _pki.ServiceFromDeviceAuthority("billing"),
        "without purpose" => _pki.WithoutPurpose("pump-1"),
        "with server purpose" => _pki.WithServerPurpose("pump-1"),
        "other host" => _pki.WithIdentity("pump-1", "spiffe://elsewhere.local/pump-1"),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <returns>Whether the server's side of the handshake ended well; the client's side often does even if refused.</returns>
    private async Task<bool> HandshakeAsync(
        SslServerAuthenticationOptions options, X509Certificate2? certificate, SslProtocols protocol = SslProtocols.None,
        string? offer = null, Action<X509Certificate2>? onServerCertificate = null, Action<string>? onProtocol = null,
        Action<string[]>? onNamedIssuers = null, Action<SslStream>? onServer = null)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new TcpClient();
        await socket.ConnectAsync((IPEndPoint)listener.LocalEndpoint, deadline.Token);
        using var server = new SslStream((await listener.AcceptTcpClientAsync(deadline.Token)).GetStream());
        using var client = new SslStream(socket.GetStream());

        var clientOptions = ClientOptions(certificate, protocol, offer, onServerCertificate, onNamedIssuers);
        var clientSide = client.AuthenticateAsClientAsync(clientOptions, deadline.Token);
        try
        {
            await server.AuthenticateAsServerAsync(options, deadline.Token);
            await clientSide;
            onServer?.Invoke(server);
            onProtocol?.Invoke(client.NegotiatedApplicationProtocol.ToString());
            return true;
        }
        catch (AuthenticationException)
        {
            server.Close();
            await clientSide.ContinueWith(_ => { }, TaskScheduler.Default);
            return false;
        }
    }

    private SslClientAuthenticationOptions ClientOptions(
        X509Certificate2? certificate, SslProtocols protocol, string? offer, Action<X509Certificate2>? onServerCertificate,
        Action<string[]>? onNamedIssuers) => new()
        {
            TargetHost = "localhost",
            EnabledSslProtocols = protocol,
            ApplicationProtocols = offer is null ? null : [new SslApplicationProtocol(offer)],
            CertificateChainPolicy = TrustPolicy.For(_pki.Root, [], _clock), // The server must send its authority along.
            ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, null, offline: true),
            LocalCertificateSelectionCallback = onNamedIssuers is null ? null : (_, _, _, _, issuers) =>
            {
                onNamedIssuers(issuers);
                return null!;
            },
            RemoteCertificateValidationCallback = (_, presented, _, errors) =>
            {
                onServerCertificate?.Invoke((X509Certificate2)presented!);
                return errors == SslPolicyErrors.None;
            },
        };
}
