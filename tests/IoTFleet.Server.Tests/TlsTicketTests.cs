using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>A server that gives its clients a session ticket: what it is good for, and what it is not. A process of its own, since tickets are a matter of the whole process.</summary>
public sealed class TlsTicketTests : IDisposable
{
    // CONNECT of pump-1 over MQTT 3.1.1 with a keep-alive of a second, so that the server ends the connection soon after it was let in.
    private const string Connect = @"\020\022\000\004MQTT\004\002\000\001\000\006pump-1";
    private const string Accepted = " \u0002\0\0";
    private const string Refused = " \u0002\0\u0005";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Ticket_saves_a_device_the_handshake_and_does_not_let_it_in_once_it_was_revoked()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Tickets are set where TLS is OpenSSL's.");
        Peers.Require("openssl");
        await using var program = ServerProgram.Start(["--data", _folder.File("data"), "--mqtt-port", "0", "--https-port", "0"], ("IoTFleet__TlsTickets", "1"));
        var ready = await program.ReadyAsync(_folder.File("data"));
        using var fleet = new FleetClient(new Uri($"https://localhost:{ready.HttpsPort}"), (await File.ReadAllTextAsync(ready.ApiKeyFile)).Trim(), ServerTrust.FromRootFile(ready.RootFile));
        await EnrolAsync(ready, fleet);

        var first = await ConnectAsync(ready, "-sess_out", _folder.File("session"));
        Assert.Contains("New, TLSv1.3", first, StringComparison.Ordinal);
        Assert.Contains(Accepted, first, StringComparison.Ordinal);
        await fleet.RevokeDeviceAsync("pump-1");
        var second = await ConnectAsync(ready, "-sess_in", _folder.File("session"));
        Assert.Contains("Reused, TLSv1.3", second, StringComparison.Ordinal);
        Assert.Contains(Refused, second, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private async Task<string> ConnectAsync(ServerFile ready, params string[] session)
    {
        var client = $"openssl s_client -connect localhost:{ready.MqttPort} -CAfile {ready.RootFile} -cert {_folder.File("pump-1.pem")} -key {_folder.File("pump-1.key")} -tls1_3 -ign_eof {string.Join(' ', session)}";
        return (await Peers.RunAsync("sh", "-c", $"printf '{Connect}' | {client}")).Everything;
    }

    /// <summary>As RFC 7030 4.2 has it, with openssl to unpack the answer.</summary>
    private async Task EnrolAsync(ServerFile ready, FleetClient fleet)
    {
        var token = await fleet.CreateTokenAsync(new CreateTokenRequest { Name = "test", DeviceId = "pump-1" });
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Convert.ToBase64String(new CertificateRequest("CN=pump-1", key, HashAlgorithmName.SHA256).CreateSigningRequest());
        using var http = new HttpClient(ServerTrust.FromRootFile(ready.RootFile).CreateHandler());
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"pump-1:{token.Secret}")));
        using var body = new StringContent(request, Encoding.ASCII, new MediaTypeHeaderValue("application/pkcs10"));
        using var answer = await http.PostAsync(new Uri($"https://localhost:{ready.HttpsPort}/.well-known/est/simpleenroll"), body);
        answer.EnsureSuccessStatusCode();

        await File.WriteAllBytesAsync(_folder.File("pump-1.p7"), Convert.FromBase64String(await answer.Content.ReadAsStringAsync()));
        await Peers.RunAsync("openssl", "pkcs7", "-inform", "DER", "-in", _folder.File("pump-1.p7"), "-print_certs", "-out", _folder.File("pump-1.pem"));
        await File.WriteAllTextAsync(_folder.File("pump-1.key"), key.ExportPkcs8PrivateKeyPem());
    }
}
