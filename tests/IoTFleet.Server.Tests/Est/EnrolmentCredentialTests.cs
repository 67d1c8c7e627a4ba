using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Server.Est;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Est;

/// <summary>Certificates as credentials, requests linked to their session, limits, and the JSON twin.</summary>
public sealed class EnrolmentCredentialTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync(("Enrolment:RequestsPerMinuteByClaim", "3"));

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_claim_certificate_enrols_the_device_named_by_the_request_and_reaches_nothing_else()
    {
        using var claim = await _server.ClaimAsync("b1");
        using var http = _server.Http(claim);

        using var answer = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1"));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, (await _server.Client.GetBatchAsync("b1")).Used);
        using var elsewhere = await http.GetAsync(new Uri($"https://localhost:{_server.HttpsPort}/api/v1/overview"));
        Assert.Equal(HttpStatusCode.Forbidden, elsewhere.StatusCode);
    }

    [Fact]
    public async Task A_revoked_batch_is_refused_on_the_same_connection()
    {
        using var claim = await _server.ClaimAsync("b1");
        using var http = _server.Http(claim);
        using var first = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1"));

        await _server.Client.ChangeBatchAsync("b1", "revoke", new());

        using var second = await http.EstAsync("simpleenroll", EstScene.Csr("pump-2"));
        Assert.Equal(HttpStatusCode.Forbidden, second.StatusCode);
        Assert.Contains("claim-revoked", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_claim_certificate_that_asks_too_often_is_told_when_to_come_back()
    {
        using var claim = await _server.ClaimAsync("b1");
        using var http = _server.Http(claim);
        for (var i = 0; i < 3; i++) (await http.EstAsync("simpleenroll", EstScene.Csr($"pump-{i}"))).Dispose();

        using var answer = await http.EstAsync("simpleenroll", EstScene.Csr("pump-9"));

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(1, _server.Refused("too-many-by-claim"));
    }

    [Fact]
    public async Task Simplereenroll_gives_the_next_certificate_by_the_present_one_and_401_without()
    {
        using var present = await _server.EnrolAsync("pump-1");
        using var http = _server.Http(present);
        using var nobody = _server.Http();

        using var answer = await http.EstAsync("simplereenroll", EstScene.Csr("pump-1"));
        using var refused = await nobody.EstAsync("simplereenroll", EstScene.Csr("pump-1"));

        Assert.True(answer.StatusCode == HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal(2, (await _server.Client.GetDeviceAsync("pump-1")).Certificates.Count);
    }

    [Fact]
    public async Task A_makers_identity_without_end_enrols_the_device_of_its_serial()
    {
        using var identity = await _server.DeviceIdentityAsync("makers", "SN-0042");
        using var http = _server.Http(identity);

        using var answer = await http.EstAsync("simpleenroll", TestPki.Request());

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(DeviceStates.Active, (await _server.Client.GetDeviceAsync("sn-0042")).State);
    }

    [Fact]
    public async Task Rsa_is_refused_where_the_group_does_not_take_it()
    {
        using var http = _server.Http();
        using var rsa = RSA.Create(2048);

        using var answer = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1", rsa: rsa), "pump-1", await _server.TokenAsync());

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("rsa-not-allowed", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rsa_enrols_where_the_group_takes_it()
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "old", AllowRsa = true });
        using var http = _server.Http();
        using var rsa = RSA.Create(2048);

        using var answer = await http.EstAsync("old/simpleenroll", EstScene.Csr("pump-1", rsa: rsa), "pump-1", await _server.TokenAsync("old"));

        Assert.True(answer.StatusCode == HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_request_linked_to_its_tls_1_2_session_enrols_and_the_same_request_in_another_session_does_not()
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "bound", RequireChannelBinding = true });
        var token = await _server.TokenAsync("bound");
        await using var first = await TlsAsync(SslProtocols.Tls12);
        await using var second = await TlsAsync(SslProtocols.Tls12);
        var linked = EstScene.Csr("pump-1", Convert.ToBase64String(TlsUnique.Of(first)!));

        Assert.Contains("channel-binding-wrong", await PostAsync(second, "bound/simpleenroll", linked, token), StringComparison.Ordinal);
        Assert.Contains("channel-binding-required", await PostAsync(second, "bound/simpleenroll", EstScene.Csr("pump-1"), token), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200", await PostAsync(first, "bound/simpleenroll", linked, token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_linked_request_is_refused_on_tls_1_3_whatever_it_is_linked_to()
    {
        await using var tls = await TlsAsync(SslProtocols.Tls13);
        var linked = EstScene.Csr("pump-1", Convert.ToBase64String(new byte[12]));

        Assert.Contains("channel-binding-tls13", await PostAsync(tls, "simpleenroll", linked, await _server.TokenAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Csrattrs_of_a_bound_group_asks_for_the_challenge_password()
    {
        await _server.Client.CreateGroupAsync(new CreateGroupRequest { Id = "bound", RequireChannelBinding = true });
        using var http = _server.Http();

        var attributes = Convert.FromBase64String((await http.GetStringAsync("est/bound/csrattrs")).ReplaceLineEndings(""));

        Assert.Contains("06092A864886F70D010907", Convert.ToHexString(attributes), StringComparison.Ordinal);
        Assert.DoesNotContain("2A864886F70D01091002", Convert.ToHexString(attributes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Row_21_after_five_unknown_tokens_no_token_of_the_address_is_looked_at()
    {
        _server.ExpectedEvents = ["TokensGuessed"];
        var good = await _server.TokenAsync();
        using var http = _server.Http();
        for (var i = 0; i < 5; i++)
        {
            using var wrong = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1"), "pump-1", $"ift_guess{i}");
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        }

        using var answer = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1"), "pump-1", good);

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal(1, _server.Refused("too-many-wrong-tokens"));
    }

    [Fact]
    public async Task The_json_twin_gives_all_a_device_needs_in_one_answer()
    {
        using var http = _server.Http();
        var request = new DeviceEnrolmentRequest { Request = Convert.ToBase64String(EstScene.Csr("pump-1")), Token = await _server.TokenAsync(), HardwareSerial = "SN 1" };

        using var answer = await http.PostAsJsonAsync("iotfleet/v1/enroll", request, ApiJson.Default.DeviceEnrolmentRequest);

        var enrolment = (await answer.Content.ReadFromJsonAsync(ApiJson.Default.DeviceEnrolment))!;
        using var certificate = System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificate(Convert.FromBase64String(enrolment.Certificate));
        Assert.Contains("pump-1", certificate.Subject, StringComparison.Ordinal);
        Assert.Equal(_server.Root.RawData, Convert.FromBase64String(enrolment.Chain[^1]));
        Assert.Equal((_server.MqttPort, "devices/pump-1/telemetry"), (enrolment.Broker.Port, enrolment.Topics.Telemetry));
        Assert.True(enrolment.Renewal.Start < enrolment.Renewal.End);
        Assert.InRange(enrolment.Log!.Index, 0, enrolment.Log.TreeSize - 1);
    }

    [Fact]
    public async Task The_json_twin_says_why_not()
    {
        using var http = _server.Http();

        using var answer = await http.PostAsJsonAsync("iotfleet/v1/enroll", new DeviceEnrolmentRequest { Request = Convert.ToBase64String(EstScene.Csr("pump-1")), Token = "ift_no" }, ApiJson.Default.DeviceEnrolmentRequest);
        using var nonsense = await http.PostAsJsonAsync("iotfleet/v1/enroll", new DeviceEnrolmentRequest { Request = "!" }, ApiJson.Default.DeviceEnrolmentRequest);

        Assert.Equal((HttpStatusCode.Unauthorized, "token-unknown"), (answer.StatusCode, (await answer.Content.ReadFromJsonAsync(ApiJson.Default.ApiProblem))!.Code));
        Assert.Equal((HttpStatusCode.BadRequest, "request-unreadable"), (nonsense.StatusCode, (await nonsense.Content.ReadFromJsonAsync(ApiJson.Default.ApiProblem))!.Code));
    }

    private async Task<SslStream> TlsAsync(SslProtocols protocol)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", _server.HttpsPort);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(_server.TlsOptions(null, protocol));
        return tls;
    }

    /// <returns>The answer's head and body.</returns>
    private static async Task<string> PostAsync(SslStream tls, string operation, byte[] csr, string token)
    {
        var body = Convert.ToBase64String(csr);
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes("pump-1:" + token));
        await tls.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /.well-known/est/{operation} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\nContent-Type: application/pkcs10\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        while (!IsWhole(answer.ToString())) answer.Append(Encoding.UTF8.GetString(buffer, 0, await tls.ReadAsync(buffer)));
        return answer.ToString();
    }

    private static bool IsWhole(string answer)
    {
        var head = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (head < 0) return false;
        var length = answer.Split("\r\n").First(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)).Split(':')[1];
        return answer.Length - head - 4 >= int.Parse(length, System.Globalization.CultureInfo.InvariantCulture);
    }
}
