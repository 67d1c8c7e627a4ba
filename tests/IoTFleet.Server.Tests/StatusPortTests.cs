using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Fleet;
using IoTFleet.Pki;
using IoTFleet.Server.Status;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests;

/// <summary>What third parties may know of revocations: lists and OCSP on the plain port, as openssl and GnuTLS see them.</summary>
public sealed class StatusPortTests : IAsyncLifetime
{
    private const string Url = "http://pki.fleet.test/";

    private readonly TemporaryFolder _folder = new();
    private RunningServer _server = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(("IoTFleet:StatusPort", "0"), ("IoTFleet:StatusUrl", Url));
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_server.StatusPort}") };
        TestPki.WriteCertificates(_folder.Path, "root", _server.Root);
        TestPki.WriteCertificates(_folder.Path, "issuer", _server.Authorities.Devices.Certificate);
        TestPki.WriteCertificates(_folder.Path, "cas", _server.Root, _server.Authorities.Devices.Certificate);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_certificate_says_where_its_list_and_its_responder_are()
    {
        using var leaf = await EnrolAsync("pump-1");
        var issuer = _server.Authorities.Devices.Id;
        var shard = StatusAddresses.ShardOf(SerialNumber.Of(leaf));
        var text = (await Peers.RunAsync("openssl", "x509", "-in", _folder.File("pump-1.pem"), "-noout", "-text")).Output;

        Assert.Contains($"URI:{Url}crl/{issuer}/{shard}.crl", text);
        Assert.Contains($"OCSP - URI:{Url}ocsp", text);
        Assert.Contains($"CA Issuers - URI:{Url}aia/{issuer}.cer", text);
        Assert.InRange(leaf.RawData.Length, 1, 800); // P-6
    }

    /// <summary>Requirement L-5: 0, 23, 44 and 12 are what openssl says, and GnuTLS reads the list too.</summary>
    [Fact]
    public async Task Openssl_checks_a_certificate_against_its_own_list()
    {
        using var good = await EnrolAsync("pump-1");
        using var bad = await EnrolAsync("pump-2");
        await _server.Client.RevokeDeviceAsync("pump-2", "keyCompromise");
        await Eventually.TrueAsync(async () => (await ListAsync(bad)).Contains(bad.SerialNumber, StringComparison.OrdinalIgnoreCase));

        Assert.Contains("pump-1.pem: OK", await VerifyAsync(good, await FetchAsync(good)));
        Assert.Contains("error 23", await VerifyAsync(bad, await FetchAsync(bad)));
        var foreign = await FetchShardAsync((StatusAddresses.ShardOf(SerialNumber.Of(good)) + 1) % StatusAddresses.Shards);
        Assert.Contains("error 44", await VerifyAsync(good, foreign));
        var tomorrow = TimeProvider.System.GetUtcNow().AddHours(25).ToUnixTimeSeconds();
        var late = await Peers.RunAsync("openssl", ["verify", "-attime", $"{tomorrow}", .. VerifyArguments(good, await FetchAsync(good))]);
        Assert.Contains("error 12", late.Everything);
        var gnutls = await Peers.RunAsync("certtool", "--verify-crl", "--load-ca-certificate", _folder.File("issuer.pem"), "--infile", await FetchAsync(bad));
        Assert.Contains("Verified", gnutls.Everything);
    }

    [Fact]
    public async Task A_suspended_device_is_on_hold_on_its_list_and_gone_once_it_is_resumed()
    {
        using var leaf = await EnrolAsync("pump-1");
        await _server.Client.SuspendDeviceAsync("pump-1");
        await Eventually.TrueAsync(async () => (await ListAsync(leaf)).Contains("Certificate Hold", StringComparison.Ordinal));

        await _server.Client.ResumeDeviceAsync("pump-1");

        await Eventually.TrueAsync(async () => !(await ListAsync(leaf)).Contains(leaf.SerialNumber, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task The_roots_list_names_an_authority_that_was_revoked()
    {
        _server.ExpectedEvents = ["AuthorityRevoked"];
        var services = _server.Authorities.Services!;
        await _server.Client.RevokeAuthorityAsync(services.Id, new() { Confirm = 0 });
        var root = AuthorityId.Of(_server.Root);

        await Eventually.TrueAsync(async () => (await TextAsync($"crl/{root}/0.crl")).Contains(services.Certificate.SerialNumber, StringComparison.OrdinalIgnoreCase));
        Assert.Contains("Only CA Certificates", await TextAsync($"crl/{root}/0.crl"));
    }

    [Fact]
    public async Task A_lists_number_rises_with_each_list()
    {
        using var leaf = await EnrolAsync("pump-1");
        await Eventually.TrueAsync(async () => (await _http.GetAsync(PathOf(leaf))).IsSuccessStatusCode);
        var before = Number(await _http.GetByteArrayAsync(PathOf(leaf)));
        await _server.Client.RevokeDeviceAsync("pump-1");

        await Eventually.TrueAsync(async () => Number(await _http.GetByteArrayAsync(PathOf(leaf))) > before);
    }

    /// <summary>The number that is out is made larger than the clock would give, so that only the database can be what the next one rises above.</summary>
    [Fact]
    public async Task A_lists_number_rises_across_a_restart()
    {
        const long Ahead = 1L << 40;
        using var folder = new TemporaryFolder();
        var (issuer, first) = ("", 0L);
        await using (var server = await RunningServer.StartAsync(folder, keepFolder: true, ("IoTFleet:StatusPort", "0"), ("IoTFleet:StatusUrl", Url)))
        {
            issuer = server.Authorities.Devices.Id;
            await Eventually.TrueAsync(async () => await NumberAsync(server, issuer) > 0);
            await ReadAsync(server, db => db.Crls.Where(list => list.IssuerId == issuer).ExecuteUpdateAsync(set => set.SetProperty(list => list.Number, Ahead)));
            first = await NumberAsync(server, issuer);
        }

        await using var again = await RunningServer.StartAsync(folder, keepFolder: true, ("IoTFleet:StatusPort", "0"), ("IoTFleet:StatusUrl", Url));

        Assert.Equal(Ahead, first);
        await Eventually.TrueAsync(async () => await NumberAsync(again, issuer) == Ahead + 1);
    }

    private static Task<long> NumberAsync(RunningServer server, string issuer) =>
        ReadAsync(server, db => db.Crls.Where(list => list.IssuerId == issuer && list.Shard == 0).Select(list => list.Number).SingleOrDefaultAsync());

    private static async Task<T> ReadAsync<T>(RunningServer server, Func<FleetDbContext, Task<T>> read)
    {
        await using var db = await server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        return await read(db);
    }

    /// <summary>Requirement O-5: with a nonce, without, by SHA-256, by GET; R-4: within a second of the revocation, which is to say at once.</summary>
    [Theory]
    [InlineData]
    [InlineData("-no_nonce")]
    [InlineData("-sha256")]
    public async Task Openssl_asks_the_responder(params string[] options)
    {
        using var leaf = await EnrolAsync("pump-1");
        var good = await AskAsync(options);
        await _server.Client.RevokeDeviceAsync("pump-1", "keyCompromise");
        var revoked = await AskAsync(options);
        Assert.Contains("Response verify OK", good.Everything);
        Assert.Contains("pump-1.pem: good", good.Everything);
        Assert.Contains("pump-1.pem: revoked", revoked.Everything);
        Assert.Contains("Reason: keyCompromise", revoked.Everything);
    }

    [Fact]
    public async Task Gnutls_asks_the_responder()
    {
        using var leaf = await EnrolAsync("pump-1");
        var result = await Peers.RunAsync("ocsptool", $"--ask=http://127.0.0.1:{_server.StatusPort}/ocsp", "--load-issuer", _folder.File("issuer.pem"),
            "--load-cert", _folder.File("pump-1.pem"), "--load-trust", _folder.File("cas.pem"));
        Assert.Contains("Certificate Status: good", result.Everything);
        Assert.Contains("Verifying OCSP Response: Success", result.Everything);
    }

    [Fact]
    public async Task A_certificate_that_was_never_issued_is_unknown()
    {
        using var leaf = await EnrolAsync("pump-1");
        var result = await Peers.RunAsync("openssl", "ocsp", "-issuer", _folder.File("issuer.pem"), "-serial", "0x1234567890abcdef1234567890abcdef",
            "-url", OcspUrl, "-CAfile", _folder.File("root.pem"), "-verify_other", _folder.File("issuer.pem"));
        Assert.Contains("0x1234567890abcdef1234567890abcdef: unknown", result.Everything);
    }

    /// <summary>Attack row 31, first part.</summary>
    [Fact]
    public async Task Another_authoritys_certificates_are_not_ours_to_answer_for()
    {
        using var other = new TestPki();
        TestPki.WriteCertificates(_folder.Path, "other", other.DeviceIssuer);
        TestPki.WriteCertificates(_folder.Path, "theirs", other.Device("pump-1"));
        var result = await Peers.RunAsync("openssl", "ocsp", "-issuer", _folder.File("other.pem"), "-cert", _folder.File("theirs.pem"), "-url", OcspUrl);
        Assert.Contains("unauthorized (6)", result.Everything);
    }

    [Fact]
    public async Task The_root_answers_for_its_authorities()
    {
        var result = await Peers.RunAsync("openssl", "ocsp", "-issuer", _folder.File("root.pem"), "-cert", _folder.File("issuer.pem"), "-url", OcspUrl, "-CAfile", _folder.File("root.pem"));
        Assert.Contains("issuer.pem: good", result.Everything);
        Assert.Contains("Response verify OK", result.Everything);
    }

    [Fact]
    public async Task The_servers_own_certificate_is_good_from_its_first_moment()
    {
        TestPki.WriteCertificates(_folder.Path, "servers", _server.Authorities.Servers.Certificate);
        var result = await Peers.RunAsync("openssl", "ocsp", "-issuer", _folder.File("servers.pem"), "-cert", Path.Combine(_server.DataPath, "tls", "server.pem"), "-url", OcspUrl,
            "-CAfile", _folder.File("root.pem"), "-verify_other", _folder.File("servers.pem"));
        Assert.Contains("server.pem: good", result.Everything);
        Assert.Contains("Response verify OK", result.Everything);
    }

    [Fact]
    public async Task An_answer_fetched_by_get_may_be_kept_until_its_next_update()
    {
        using var leaf = await EnrolAsync("pump-1");
        await Peers.RunAsync("openssl", "ocsp", "-no_nonce", "-issuer", _folder.File("issuer.pem"), "-cert", _folder.File("pump-1.pem"), "-reqout", _folder.File("question"));
        var question = Uri.EscapeDataString(Convert.ToBase64String(await File.ReadAllBytesAsync(_folder.File("question"))));

        using var answer = await _http.GetAsync($"/ocsp/{question}");

        Assert.Equal("application/ocsp-response", answer.Content.Headers.ContentType!.MediaType);
        Assert.InRange(answer.Headers.CacheControl!.MaxAge!.Value, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(10));
        Assert.NotNull(answer.Headers.ETag);
        await File.WriteAllBytesAsync(_folder.File("answer"), await answer.Content.ReadAsByteArrayAsync());
        var read = await Peers.RunAsync("openssl", "ocsp", "-respin", _folder.File("answer"), "-issuer", _folder.File("issuer.pem"), "-cert", _folder.File("pump-1.pem"),
            "-CAfile", _folder.File("root.pem"), "-verify_other", _folder.File("issuer.pem"));
        Assert.Contains("pump-1.pem: good", read.Everything);
    }

    /// <summary>Attack row 31, second part.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(5_000)]
    public async Task What_is_no_question_is_malformed(int length)
    {
        using var content = new ByteArrayContent(new byte[length]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/ocsp-request");
        using var answer = await _http.PostAsync("/ocsp", content);
        Assert.Equal("30030A0101", Convert.ToHexString(await answer.Content.ReadAsByteArrayAsync()));
        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    [Theory]
    [InlineData("GET", "/", HttpStatusCode.NotFound)]
    [InlineData("GET", "/api/v1/devices", HttpStatusCode.NotFound)]
    [InlineData("GET", "/.well-known/est/cacerts", HttpStatusCode.NotFound)]
    [InlineData("GET", "/healthz", HttpStatusCode.NotFound)]
    [InlineData("GET", "/mqtt", HttpStatusCode.NotFound)]
    [InlineData("GET", "/crl/00/0.crl", HttpStatusCode.NotFound)]
    [InlineData("GET", "/crl/../../fleet.db", HttpStatusCode.NotFound)]
    [InlineData("POST", "/ocsp", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("PUT", "/ocsp", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/ocsp/!!", HttpStatusCode.OK)]
    public async Task Nothing_else_of_the_server_is_there(string method, string path, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await _http.SendAsync(request);
        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task A_list_is_sent_once_to_whoever_keeps_it()
    {
        var path = $"crl/{_server.Authorities.Devices.Id}/0.crl";
        await Eventually.TrueAsync(async () => (await _http.GetAsync(path)).IsSuccessStatusCode);
        using var first = await _http.GetAsync(path);
        using var again = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
        using var second = await _http.SendAsync(again);
        using var head = await _http.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        Assert.Equal(("application/pkix-crl", HttpStatusCode.NotModified), (first.Content.Headers.ContentType!.MediaType, second.StatusCode));
        Assert.Equal((first.Content.Headers.ContentLength, 0), (head.Content.Headers.ContentLength, (await head.Content.ReadAsByteArrayAsync()).Length));
        Assert.Equal(60, first.Headers.CacheControl!.MaxAge!.Value.TotalSeconds);
    }

    [Fact]
    public async Task Issuers_certificate_can_be_fetched()
    {
        var der = await _http.GetByteArrayAsync($"aia/{_server.Authorities.Devices.Id}.cer");
        Assert.Equal(_server.Authorities.Devices.Certificate.RawData, der);
    }

    [Fact]
    public async Task A_port_that_is_taken_does_not_keep_the_server_from_running()
    {
        await using var second = await RunningServer.StartAsync(("IoTFleet:StatusPort", $"{_server.StatusPort}"), ("IoTFleet:StatusUrl", Url));
        second.ExpectedEvents = ["NoStatusPort"];
        Assert.Null(second.Get<StatusListener>().Port);
        using var certificate = await second.EnrolAsync("pump-1");
        await using var device = await second.ConnectAsync("pump-1", certificate);
        await device.ExpectNothingAsync();
    }

    private string OcspUrl => $"http://127.0.0.1:{_server.StatusPort}/ocsp";

    private async Task<X509Certificate2> EnrolAsync(string id)
    {
        var leaf = await _server.EnrolAsync(id);
        TestPki.WriteCertificates(_folder.Path, id, leaf);
        return leaf;
    }

    private Task<PeerResult> AskAsync(string[] options) => Peers.RunAsync("openssl", ["ocsp", .. options, "-issuer", _folder.File("issuer.pem"), "-cert", _folder.File("pump-1.pem"),
        "-url", OcspUrl, "-CAfile", _folder.File("root.pem"), "-verify_other", _folder.File("issuer.pem")]);

    private string PathOf(X509Certificate2 leaf) => $"crl/{_server.Authorities.Devices.Id}/{StatusAddresses.ShardOf(SerialNumber.Of(leaf))}.crl";

    private Task<string> ListAsync(X509Certificate2 leaf) => TextAsync(PathOf(leaf));

    private async Task<string> TextAsync(string path)
    {
        using var answer = await _http.GetAsync(path);
        if (!answer.IsSuccessStatusCode) return "";
        await File.WriteAllBytesAsync(_folder.File("list.der"), await answer.Content.ReadAsByteArrayAsync());
        return (await Peers.RunAsync("openssl", "crl", "-inform", "DER", "-in", _folder.File("list.der"), "-noout", "-text")).Output;
    }

    private Task<string> FetchAsync(X509Certificate2 leaf) => FetchShardAsync(StatusAddresses.ShardOf(SerialNumber.Of(leaf)));

    private async Task<string> FetchShardAsync(int shard)
    {
        var file = _folder.File($"{shard}.pem");
        var devices = await _http.GetByteArrayAsync($"crl/{_server.Authorities.Devices.Id}/{shard}.crl");
        await File.WriteAllTextAsync(file, System.Security.Cryptography.PemEncoding.WriteString("X509 CRL", devices) + "\n");
        return file;
    }

    private string[] VerifyArguments(X509Certificate2 leaf, string lists) =>
        ["-crl_check", "-CAfile", _folder.File("root.pem"), "-untrusted", _folder.File("issuer.pem"), "-CRLfile", lists, _folder.File(Identity(leaf) + ".pem")];

    private async Task<string> VerifyAsync(X509Certificate2 leaf, string lists) => (await Peers.RunAsync("openssl", ["verify", .. VerifyArguments(leaf, lists)])).Everything;

    private static string Identity(X509Certificate2 leaf) => leaf.GetNameInfo(X509NameType.SimpleName, forIssuer: false);

    private static System.Numerics.BigInteger Number(byte[] list)
    {
        CertificateRevocationListBuilder.Load(list, out var number);
        return number;
    }
}
