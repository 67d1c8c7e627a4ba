using System.Formats.Asn1;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Est;

/// <summary>Each operation of EST as curl and openssl do it: nothing of ours on the device's side.</summary>
public sealed class EstCurlTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Cacerts_is_a_certs_only_message_with_the_root()
    {
        Assert.Equal("200 application/pkcs7-mime; smime-type=certs-only", await CurlAsync("cacerts", "-o", File("ca.b64")));

        await OpensslAsync("base64", "-d", "-in", File("ca.b64"), "-out", File("ca.p7"));
        var printed = await OpensslAsync("pkcs7", "-inform", "DER", "-in", File("ca.p7"), "-print_certs");
        Assert.Contains("BEGIN CERTIFICATE", printed, StringComparison.Ordinal);
        Assert.Contains(_server.Root.ExportCertificatePem().Split('\n')[1], printed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Csrattrs_names_the_key_type_as_RFC_9908_has_it()
    {
        Assert.Equal("200 application/csrattrs", await CurlAsync("csrattrs", "-o", File("attrs.b64")));

        await OpensslAsync("base64", "-d", "-in", File("attrs.b64"), "-out", File("attrs.der"));
        var lines = (await OpensslAsync("asn1parse", "-inform", "DER", "-in", File("attrs.der"))).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("SEQUENCE", lines[0], StringComparison.Ordinal);
        var key = Array.FindIndex(lines, line => line.Contains("id-ecPublicKey", StringComparison.Ordinal));
        Assert.Contains("SET", lines[key + 1], StringComparison.Ordinal);
        Assert.Contains("prime256v1", lines[key + 2], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains("ecdsa-with-SHA256", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Simpleenroll_at_a_label_gives_a_certificate_that_openssl_verifies()
    {
        await _server.GroupAsync("line-1");
        await RequestAsync("pump-1");

        Assert.StartsWith("200 ", await EnrolAsync("line-1/simpleenroll", "-u", $"pump-1:{await _server.TokenAsync("line-1")}"), StringComparison.Ordinal);

        await CertificateAsync();
        await CurlAsync("cacerts", "-H", "Accept: application/pem-certificate-chain", "-o", File("all.pem"));
        Assert.Contains("OK", await OpensslAsync("verify", "-CAfile", _server.RootFile, "-untrusted", File("all.pem"), "-purpose", "sslclient", File("c.pem")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_may_be_the_challenge_password()
    {
        await System.IO.File.WriteAllTextAsync(File("req.cnf"), $"""
            [req]
            prompt = no
            distinguished_name = dn
            attributes = at
            [dn]
            CN = pump-2
            [at]
            challengePassword = {await _server.TokenAsync()}
            """);
        await OpensslAsync("req", "-new", "-config", File("req.cnf"), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", File("k.pem"), "-outform", "DER", "-out", File("r.der"));
        await OpensslAsync("base64", "-in", File("r.der"), "-out", File("r.b64"));

        Assert.StartsWith("200 ", await EnrolAsync("simpleenroll"), StringComparison.Ordinal);
        Assert.Equal(DeviceStates.Active, (await _server.Client.GetDeviceAsync("pump-2")).State);
    }

    [Fact]
    public async Task Without_credentials_comes_the_challenge_and_with_them_the_certificate()
    {
        await RequestAsync("pump-1");

        var answer = await EnrolAsync("simpleenroll", "-D", File("hdr"));

        Assert.StartsWith("401 ", answer, StringComparison.Ordinal);
        Assert.Contains("WWW-Authenticate: Basic realm=", await System.IO.File.ReadAllTextAsync(File("hdr")), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_request_that_waits_is_202_with_Retry_After_and_then_served()
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "queue", ApprovalRequired = true });
        await RequestAsync("pump-1");
        var credentials = $"pump-1:{await _server.TokenAsync("queue")}";

        Assert.StartsWith("202 ", await EnrolAsync("queue/simpleenroll", "-u", credentials, "-D", File("hdr")), StringComparison.Ordinal);
        var header = (await System.IO.File.ReadAllLinesAsync(File("hdr"))).Single(line => line.StartsWith("Retry-After:", StringComparison.OrdinalIgnoreCase));
        Assert.InRange(int.Parse(header.Split(':')[1], CultureInfo.InvariantCulture), 1, 600);
        await EnrolAsync("queue/simpleenroll", "-u", credentials);
        var waiting = Assert.Single(await _server.Client.GetPendingAsync());
        await _server.Client.ApproveAsync(waiting.Id);

        Assert.StartsWith("200 ", await EnrolAsync("queue/simpleenroll", "-u", credentials), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serverkeygen_is_off_and_where_it_is_on_gives_a_key_that_fits_its_certificate()
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "keys", ServerKeyGeneration = true });
        await RequestAsync("pump-1");
        Assert.StartsWith("403 ", await EnrolAsync("serverkeygen", "-u", $"pump-1:{await _server.TokenAsync()}"), StringComparison.Ordinal);

        Assert.Equal("200 multipart/mixed; boundary=iotfleet-server-key", await EnrolAsync("keys/serverkeygen", "-u", $"pump-1:{await _server.TokenAsync("keys")}"));

        var parts = (await System.IO.File.ReadAllTextAsync(File("c.b64"))).Split("--iotfleet-server-key");
        Assert.Contains("application/pkcs8", parts[1], StringComparison.Ordinal);
        await System.IO.File.WriteAllTextAsync(File("key.pem"), $"-----BEGIN PRIVATE KEY-----\n{Body(parts[1])}\n-----END PRIVATE KEY-----\n");
        await System.IO.File.WriteAllTextAsync(File("c.b64"), Body(parts[2]) + "\n");
        await CertificateAsync();
        Assert.Equal(await OpensslAsync("pkey", "-in", File("key.pem"), "-pubout"), await OpensslAsync("x509", "-in", File("c.pem"), "-noout", "-pubkey"));
        Assert.DoesNotContain(Body(parts[1])[^40..], string.Concat(_server.Log.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Pump 1")]
    [InlineData("a234567890123456789012345678901234567890123456789012345678901234")]
    [InlineData("a2345678901234567890123456789012345678901234567890123456789012345678901234567890")]
    public async Task A_key_is_made_for_no_name_that_a_device_cannot_have(string commonName)
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "keys", ServerKeyGeneration = true });
        var part = new AsnWriter(AsnEncodingRules.DER); // By hand: openssl and .NET leave out a name that is empty.
        using (part.PushSequence())
        using (part.PushSetOf())
        using (part.PushSequence())
        {
            part.WriteObjectIdentifier("2.5.4.3");
            part.WriteCharacterString(UniversalTagNumber.UTF8String, commonName);
        }
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName(part.Encode()), key, HashAlgorithmName.SHA256).CreateSigningRequest();
        await System.IO.File.WriteAllTextAsync(File("r.b64"), Convert.ToBase64String(request));

        Assert.StartsWith("400 ", await EnrolAsync("keys/serverkeygen", "-u", $"pump-1:{await _server.TokenAsync("keys")}"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fullcmc", "501 ")]
    [InlineData("no-such-group/simpleenroll", "404 ")]
    [InlineData("no-such-group/cacerts", "404 ")]
    public async Task What_is_not_there_is_said_so(string operation, string status)
    {
        await RequestAsync("pump-1");

        var answer = operation.EndsWith("cacerts", StringComparison.Ordinal) ? await CurlAsync(operation, "-o", File("x")) : await EnrolAsync(operation);

        Assert.StartsWith(status, answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pkix-cert", "application/pkix-cert")]
    [InlineData("pem-certificate-chain", "application/pem-certificate-chain")]
    public async Task Devices_without_CMS_get_their_certificate_bare(string accept, string type)
    {
        await RequestAsync("pump-1");

        Assert.Equal($"200 {type}", await EnrolAsync("simpleenroll", "-u", $"pump-1:{await _server.TokenAsync()}", "-H", $"Accept: application/{accept}"));

        Assert.Contains("CN = pump-1", await OpensslAsync("x509", "-in", File("c.b64"), "-inform", accept == "pkix-cert" ? "DER" : "PEM", "-noout", "-subject"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Headers_above_8_KiB_are_refused_and_http2_is_not_spoken()
    {
        await RequestAsync("pump-1");

        Assert.StartsWith("431", await EnrolAsync("simpleenroll", "-H", "X-Long: " + new string('x', 9000)), StringComparison.Ordinal);
        var version = await Peers.RunAsync("curl", "-sS", "--http2", "--cacert", _server.RootFile, "-o", File("x"), "-w", "%{http_version}", Address("cacerts"));
        Assert.Equal("1.1", version.Output);
    }

    private static string Body(string part) => string.Concat(part.Replace("\r", "", StringComparison.Ordinal).Split("\n\n", 2)[1].Where(c => !char.IsWhiteSpace(c) && c != '-'));

    private string File(string name) => Path.Combine(_folder.Path, name);

    private string Address(string operation) => $"https://localhost:{_server.HttpsPort}/.well-known/est/{operation}";

    private async Task RequestAsync(string id)
    {
        await OpensslAsync("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", File("k.pem"), "-subj", "/CN=" + id, "-outform", "DER", "-out", File("r.der"));
        await OpensslAsync("base64", "-in", File("r.der"), "-out", File("r.b64"));
    }

    private Task<string> EnrolAsync(string operation, params string[] arguments) =>
        CurlAsync(operation, ["-H", "Content-Type: application/pkcs10", "--data-binary", "@" + File("r.b64"), "-o", File("c.b64"), .. arguments]);

    /// <returns>Status and content type.</returns>
    private async Task<string> CurlAsync(string operation, params string[] arguments)
    {
        var result = await Peers.RunAsync("curl", ["-sS", "--cacert", _server.RootFile, "-w", "%{http_code} %{content_type}", .. arguments, Address(operation)]);
        Assert.True(result.ExitCode == 0, result.Everything);
        return result.Output;
    }

    private async Task CertificateAsync()
    {
        var text = (await System.IO.File.ReadAllTextAsync(File("c.b64"))).ReplaceLineEndings("");
        await System.IO.File.WriteAllBytesAsync(File("c.p7"), Convert.FromBase64String(text));
        await OpensslAsync("pkcs7", "-inform", "DER", "-in", File("c.p7"), "-print_certs", "-out", File("c.pem"));
    }

    private static async Task<string> OpensslAsync(params string[] arguments)
    {
        var result = await Peers.RunAsync("openssl", arguments);
        Assert.True(result.ExitCode == 0, result.Everything);
        return result.Output;
    }
}
