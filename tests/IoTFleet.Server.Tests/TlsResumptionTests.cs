using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Server.Security;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>What openssl's client can take up again from an earlier handshake, and that it is judged anew when it does.</summary>
public sealed class TlsResumptionTests : IDisposable
{
    private const string ResumedByVersion12 = "Reused, TLSv1.2";

    private readonly FakeClock _clock = new(new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly TemporaryFolder _folder = new();
    private readonly TestPki _pki;
    private readonly DeviceTls _tls;
    private readonly string _certificate;
    private readonly string _key;
    private readonly X509Certificate2 _device;
    private PeerVerdict? _verdict;

    public TlsResumptionTests()
    {
        _pki = new TestPki(_clock);
        var trust = TrustSnapshot.Of(_pki.Authorities, _clock);
        _tls = new DeviceTls(() => trust, _pki.Server(), _clock, _ => { });
        _device = _pki.Device("pump-1");
        (_certificate, _key) = TestPki.WritePair(_folder.Path, "pump-1", _device);
    }

    [Fact]
    public async Task No_session_ticket_is_sent()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Tickets are turned off where TLS is OpenSSL's.");
        var (output, _) = await ConnectAsync("-tls1_3");
        Assert.Contains("TLSv1.3", output, StringComparison.Ordinal);
        Assert.DoesNotContain("New Session Ticket", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resumed_session_shows_the_certificate_again()
    {
        await ConnectAsync("-tls1_2", "-sess_out", Session);
        var (output, seen) = await ConnectAsync("-tls1_2", "-sess_in", Session);
        Assert.Contains(ResumedByVersion12, output, StringComparison.Ordinal);
        Assert.Equal(_device.Thumbprint, seen);
    }

    [Fact]
    public async Task Resumed_session_does_not_outlive_the_certificate()
    {
        await ConnectAsync("-tls1_2", "-sess_out", Session);
        _clock.Advance(TimeSpan.FromDays(31));
        var (output, _) = await ConnectAsync("-tls1_2", "-sess_in", Session);
        Assert.Contains(ResumedByVersion12, output, StringComparison.Ordinal);
        Assert.Equal("expired", _verdict!.Refusal?.Code);
    }

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    private string Session => _folder.File("session.pem");

    /// <returns>What openssl printed, and the thumbprint of the certificate that the server accepted; null when it accepted none.</returns>
    private async Task<(string Output, string? Accepted)> ConnectAsync(params string[] arguments)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = Peers.RunAsync("openssl", ["s_client", "-connect", $"{listener.LocalEndpoint}", "-cert", _certificate, "-key", _key, .. arguments]);
        var accepted = await ServeAsync(listener);
        return ((await client).Everything, accepted);
    }

    private async Task<string?> ServeAsync(TcpListener listener)
    {
        using var server = new SslStream((await listener.AcceptTcpClientAsync()).GetStream());
        try
        {
            await server.AuthenticateAsServerAsync(_tls.ForMqtt(null, verdict => _verdict = verdict));
            await server.WriteAsync("welcome\n"u8.ToArray());       // behind it nothing of the handshake can come any more
            await server.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false);       // its goodbye: a session that was cut off is forgotten
            await server.ShutdownAsync();
            return ((X509Certificate2)server.RemoteCertificate!).Thumbprint;
        }
        catch (AuthenticationException)
        {
            return null;
        }
    }
}
