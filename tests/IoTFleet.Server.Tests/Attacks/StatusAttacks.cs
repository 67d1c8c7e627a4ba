using System.Formats.Asn1;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Pki;
using IoTFleet.Server.Status;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Lists and answers for third parties, fed with nonsense or kept from them; and a database that is to forget.</summary>
public sealed class StatusAttacks : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private RunningServer _server = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(("IoTFleet:StatusPort", "0"), ("IoTFleet:StatusUrl", "http://pki.fleet.test/"));
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_server.StatusPort}") };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Row_30_without_any_list_a_revoked_device_is_refused_all_the_same()
    {
        await using var server = await RunningServer.StartAsync(("IoTFleet:StatusPort", "-1"));
        using var certificate = await server.EnrolAsync("pump-7");
        await server.Client.RevokeDeviceAsync("pump-7");
        await using var device = await server.OpenAsync(certificate);
        Assert.True((await device.ConnectAsync("pump-7")).Reason.IsFailure());
        Assert.Equal(1, server.Refused("device-revoked"));
    }

    [Fact]
    public async Task Row_30_another_shards_list_does_not_stand_in_for_a_certificates_own()
    {
        using var leaf = await _server.EnrolAsync("pump-7");
        var issuer = _server.Authorities.Devices;
        var own = StatusAddresses.ShardOf(SerialNumber.Of(leaf));
        var other = (own + 1) % StatusAddresses.Shards;

        Assert.Contains(": OK", await VerifyAsync(leaf, await ListAsync($"crl/{issuer.Id}/{own}.crl")), StringComparison.Ordinal);
        Assert.Contains("error 44", await VerifyAsync(leaf, await ListAsync($"crl/{issuer.Id}/{other}.crl")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_31_a_question_about_another_issuer_is_not_ours_to_answer()
    {
        using var other = new TestPki();
        TestPki.WriteCertificates(_folder.Path, "other", other.DeviceIssuer);
        var result = await Peers.RunAsync("openssl", "ocsp", "-issuer", _folder.File("other.pem"), "-serial", "0x1234", "-url", $"http://127.0.0.1:{_server.StatusPort}/ocsp", "-noverify");
        Assert.Contains("unauthorized", result.Everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_31_a_question_that_is_too_long_is_malformed() => Assert.Equal(Malformed, await AskAsync(new byte[5_000]));

    /// <summary>The answer does not wait for the body, which is not read; so none is sent: a client that writes one may find the connection closed under it.</summary>
    [Fact]
    public async Task Row_31_a_question_of_a_megabyte_is_not_read()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _server.StatusPort);
        await client.GetStream().WriteAsync("POST /ocsp HTTP/1.1\r\nHost: pki\r\nContent-Type: application/ocsp-request\r\nContent-Length: 1000000\r\n\r\n"u8.ToArray());
        using var answer = new MemoryStream();
        await client.GetStream().CopyToAsync(answer).WaitAsync(TimeSpan.FromMinutes(1));

        var text = Encoding.Latin1.GetString(answer.ToArray());
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", text);
        Assert.EndsWith("\r\n\r\n" + Encoding.Latin1.GetString(Convert.FromHexString(Malformed)), text);
    }

    [Fact]
    public async Task Row_31_a_nonce_of_ten_thousand_bytes_is_malformed() => Assert.Equal(Malformed, await AskAsync(QuestionWithNonce(10_000)));

    [Fact]
    public async Task Row_31_a_nonce_of_two_hundred_bytes_is_malformed() => Assert.Equal(Malformed, await AskAsync(QuestionWithNonce(200)));

    [Fact]
    public async Task Row_31_no_damaged_byte_of_a_question_is_an_error_of_ours()
    {
        var good = QuestionWithNonce(16);
        for (var at = 0; at < good.Length; at++)
        {
            var damaged = (byte[])good.Clone();
            damaged[at] ^= (byte)(1 << (at % 8));
            using var answer = await PostAsync(damaged);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Row_32_revoking_a_whole_group_takes_its_count_and_nothing_happens_without()
    {
        using var one = await _server.EnrolAsync("pump-1");
        using var two = await _server.EnrolAsync("pump-2");
        var everybody = new RevocationRequest { Action = "revoke", Ids = ["pump-1", "pump-2"] };

        var counted = await _server.Client.RevokeManyAsync(everybody with { DryRun = true });
        Assert.Equal(("counted", 2), (counted.State, counted.Count));
        await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RevokeManyAsync(everybody));
        await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RevokeManyAsync(everybody with { Confirm = 3 }));

        await using var device = await _server.ConnectAsync("pump-1", one);
        await device.ExpectNothingAsync();
    }

    [Fact]
    public async Task Row_32_a_suspension_of_many_is_undone()
    {
        using var one = await _server.EnrolAsync("pump-1");
        var all = new RevocationRequest { Action = "suspend", Ids = ["pump-1"], Confirm = 1 };
        await _server.Client.RevokeManyAsync(all);
        Assert.Equal(DeviceStates.Suspended, (await _server.Client.GetDeviceAsync("pump-1")).State);

        await _server.Client.RevokeManyAsync(all with { Action = "resume" });

        await using var device = await _server.ConnectAsync("pump-1", one);
        await device.ExpectNothingAsync();
    }

    [Fact]
    public async Task Row_32_revoking_an_authority_takes_its_count()
    {
        using var one = await _server.EnrolAsync("pump-1");
        await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RevokeAuthorityAsync(_server.Authorities.Devices.Id, new RevokeAuthorityRequest()));
        await using var device = await _server.ConnectAsync("pump-1", one);
        await device.ExpectNothingAsync();
    }

    [Fact]
    public async Task Row_34_a_database_of_before_a_revocation_does_not_start()
    {
        using var folder = new TemporaryFolder();
        using var copy = new TemporaryFolder();
        await using (var server = await RunningServer.StartAsync(folder, keepFolder: true)) (await server.EnrolAsync("pump-7")).Dispose();
        CopyDatabase(folder.Path, copy.Path);
        await using (var server = await RunningServer.StartAsync(folder, keepFolder: true)) await server.Client.RevokeDeviceAsync("pump-7");
        using var restored = new TemporaryFolder();        // another path: this process may still hold the old file open
        Assert.Equal(0, (await Peers.RunAsync("cp", "-a", folder.Path + "/.", restored.Path)).ExitCode);
        CopyDatabase(copy.Path, restored.Path);

        var refused = await Assert.ThrowsAsync<StartupException>(() => RunningServer.StartAsync(restored, keepFolder: true));

        Assert.Contains("older copy", refused.Message, StringComparison.Ordinal);
    }

    private const string Malformed = "3003" + "0A0101";

    private static void CopyDatabase(string from, string to)
    {
        foreach (var old in Directory.GetFiles(to, "fleet.db*")) File.Delete(old);
        foreach (var file in Directory.GetFiles(from, "fleet.db*")) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }

    private async Task<string> ListAsync(string path)
    {
        byte[]? list = null;
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await _http.GetAsync(path);
            if (!answer.IsSuccessStatusCode) return false;
            list = await answer.Content.ReadAsByteArrayAsync();
            return true;
        });
        var file = _folder.File(path.Replace('/', '-'));
        await File.WriteAllTextAsync(file, new string(System.Security.Cryptography.PemEncoding.Write("X509 CRL", list)) + "\n");
        return file;
    }

    private async Task<string> VerifyAsync(System.Security.Cryptography.X509Certificates.X509Certificate2 leaf, string list)
    {
        TestPki.WriteCertificates(_folder.Path, "leaf", leaf);
        TestPki.WriteCertificates(_folder.Path, "issuer", _server.Authorities.Devices.Certificate);
        return (await Peers.RunAsync("openssl", "verify", "-crl_check", "-CAfile", _server.RootFile, "-untrusted", _folder.File("issuer.pem"), "-CRLfile", list, _folder.File("leaf.pem"))).Everything;
    }

    private async Task<string> AskAsync(byte[] question)
    {
        using var answer = await PostAsync(question);
        return Convert.ToHexString(await answer.Content.ReadAsByteArrayAsync());
    }

    private Task<HttpResponseMessage> PostAsync(byte[] question) =>
        _http.PostAsync("ocsp", new ByteArrayContent(question) { Headers = { ContentType = new MediaTypeHeaderValue("application/ocsp-request") } });

    /// <summary>About a certificate of nobody's. RFC 6960 4.1.1, RFC 9654</summary>
    private static byte[] QuestionWithNonce(int length)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            using (writer.PushSequence())
            using (writer.PushSequence())
            {
                using (writer.PushSequence()) writer.WriteObjectIdentifier("1.3.14.3.2.26");
                writer.WriteOctetString(new byte[20]);
                writer.WriteOctetString(new byte[20]);
                writer.WriteInteger(7);
            }

            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 2)))
            using (writer.PushSequence())
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier("1.3.6.1.5.5.7.48.1.2");
                using (writer.PushOctetString()) writer.WriteOctetString(new byte[length]);
            }
        }

        return writer.Encode();
    }
}
