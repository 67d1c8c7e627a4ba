using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Mqtt;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>What can be wrong with a handshake beside the leaf: what is sent along, what it lures to, old versions and weak keys.</summary>
public sealed class HandshakeAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>, IDisposable
{
    private readonly OpensslClient _openssl = new(attacked.Server);

    public void Dispose() => _openssl.Dispose();

    [Fact]
    public async Task Row_11_three_hundred_certificates_sent_along_help_nobody()
    {
        using var pki = new TestPki(domain: attacked.Names.Domain);
        var junk = Enumerable.Range(0, 100).Select(number => pki.Device($"junk-{number}")).ToArray();
        using var unrecorded = attacked.Forged.SignedBy(attacked.Authorities.Devices);

        await ExpectRefusedAsync("untrusted", pki.Device(AttackedServer.Victim), junk);
        await ExpectRefusedAsync("not-in-log", unrecorded, junk);
        await ExpectRefusedAsync("handshake-failed", unrecorded, [.. junk, .. junk, .. junk]);      // more than OpenSSL reads
    }

    [Fact]
    public async Task Row_11_decoys_of_our_authoritys_name_help_nobody()
    {
        using var decoy = Forgery.NamedAs(attacked.Authorities.Devices.Certificate).AuthoritySignedBy(null);
        using var forged = attacked.Forged.SignedBy(decoy);
        using var claiming = (attacked.Forged with { ClaimedIssuer = attacked.Authorities.Devices.Certificate }).SignedBy(decoy);

        await ExpectRefusedAsync("untrusted", forged, decoy.Certificate, attacked.Authorities.Devices.Certificate);
        // Here OpenSSL finds that our authority did not sign it, and ends the handshake before we are asked.
        await ExpectRefusedAsync("handshake-failed", claiming, decoy.Certificate, attacked.Authorities.Devices.Certificate, attacked.Server.Root);
    }

    [Fact]
    public async Task Row_11_authorities_that_sign_each_other_help_nobody()
    {
        using var first = new Forgery { Subject = "CN=First", Names = null, Purposes = null }.AuthoritySignedBy(null);
        using var second = new Forgery { Subject = "CN=Second", Names = null, Purposes = null }.AuthoritySignedBy(first);
        using var crossed = Forgery.CrossSigned(first.Certificate, second);
        using var forged = attacked.Forged.SignedBy(first);

        await ExpectRefusedAsync("untrusted", forged, crossed, second.Certificate, first.Certificate);
    }

    [Fact]
    public async Task Row_12_no_address_in_a_certificate_is_visited()
    {
        using var trap = new TrapServer();
        using var other = new TestPki(domain: attacked.Names.Domain);
        var luring = attacked.Forged with { Others = trap.Lures };
        using var ours = luring.SignedBy(attacked.Authorities.Devices);
        using var theirs = luring.SignedBy(other.Authorities.Devices);

        foreach (var (certificate, code) in new[] { (ours, "not-in-log"), (theirs, "untrusted") })
        {
            await attacked.ExpectRefusedAsync(code, certificate, protocols: SslProtocols.Tls12);
            await attacked.ExpectRefusedAsync(code, certificate, protocols: SslProtocols.Tls13);
            await AskOverHttpsAsync(certificate);
        }

        Assert.Equal(0, trap.Visits);
        await trap.CheckAsync();
    }

    [Theory]
    [InlineData("-tls1_1")]
    [InlineData("-tls1")]
    public async Task Row_16_an_old_version_of_tls_is_not_spoken(string version) =>
        await ExpectNoHandshakeAsync(version, "-cipher", "DEFAULT@SECLEVEL=0");

    [Theory]
    [InlineData("AES128-SHA")]
    [InlineData("ECDHE-ECDSA-AES128-SHA")]
    [InlineData("AES128-GCM-SHA256")]
    [InlineData("NULL-SHA256")]
    [InlineData("ADH-AES128-GCM-SHA256")]
    public async Task Row_16_a_suite_without_forward_secrecy_or_authentication_is_not_spoken(string suite) =>
        await ExpectNoHandshakeAsync("-tls1_2", "-cipher", suite + ":@SECLEVEL=0");

    [Fact]
    public async Task Row_16_a_short_rsa_key_is_refused_although_our_authority_signed()
    {
        using var certificate = (attacked.Forged with { NewKey = () => RSA.Create(1024) }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectNothingGainedAsync("weak-key", async () =>
        {
            await _openssl.SayHelloAsync(certificate, [], "-cipher", "DEFAULT@SECLEVEL=0");
            return null;
        });
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Row_17_without_a_certificate_nobody_speaks_mqtt(SslProtocols protocols) => await attacked.ExpectClosedAsync("no-certificate", null, protocols);

    private Task ExpectRefusedAsync(string code, X509Certificate2 certificate, params X509Certificate2[] sent) => attacked.ExpectNothingGainedAsync(code, async () =>
    {
        await _openssl.SayHelloAsync(certificate, sent);
        return null;
    });

    private Task ExpectNoHandshakeAsync(params string[] arguments) => attacked.ExpectNothingGainedAsync("handshake-failed", async () =>
    {
        var said = await _openssl.SayHelloAsync(attacked.Honest, [], arguments);
        Assert.DoesNotContain("Server certificate", said, StringComparison.Ordinal);
        return null;
    });

    /// <summary>Whatever it is answered: the certificate was looked at.</summary>
    private async Task AskOverHttpsAsync(X509Certificate2 certificate)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", attacked.Server.HttpsPort);
        await using var tls = new SslStream(socket.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(attacked.Server.TlsOptions(certificate));
            await tls.WriteAsync("GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray());
            await tls.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false);
        }
        catch (Exception closed) when (closed is IOException or AuthenticationException)
        {
            // Refused.
        }
    }
}
