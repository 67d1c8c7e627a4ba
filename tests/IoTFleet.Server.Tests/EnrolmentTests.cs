using System.Net;
using System.Net.Http.Headers;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>EST over HTTPS; what a device without our SDK sees.</summary>
public sealed class EnrolmentTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private HttpClient _http = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _http = new HttpClient(ServerTrust.FromRootFile(_server.RootFile).CreateHandler()) { BaseAddress = new Uri($"https://localhost:{_server.HttpsPort}/.well-known/est/") };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Cacerts_is_for_anybody_in_base64_lines_with_a_length()
    {
        using var answer = await _http.GetAsync("cacerts");
        Assert.Equal("application/pkcs7-mime", answer.Content.Headers.ContentType!.MediaType);
        Assert.NotNull(answer.Content.Headers.ContentLength);
        Assert.All((await answer.Content.ReadAsStringAsync()).TrimEnd('\n').Split('\n'), line => Assert.InRange(line.Length, 1, 64));
    }

    [Fact]
    public async Task Simpleenroll_issues_a_certificate_for_the_csr_and_spends_the_token()
    {
        var token = await TokenAsync();
        using var answer = await EnrolAsync("pump-7", token.Secret);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/pkcs7-mime; smime-type=certs-only", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal(DeviceStates.Active, (await _server.Client.GetDeviceAsync("pump-7")).State);

        using var second = await EnrolAsync("pump-8", token.Secret);
        Assert.Equal(HttpStatusCode.Forbidden, second.StatusCode);
        Assert.Contains("token-used-up", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(1, _server.Refused("token-used-up"));
    }

    [Fact]
    public async Task Without_credentials_the_client_is_asked_for_basic()
    {
        using var answer = await _http.PostAsync("simpleenroll", Body(TestPki.Request("pump-7")));
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Basic", Assert.Single(answer.Headers.WwwAuthenticate).Scheme);
    }

    [Fact]
    public async Task An_unknown_token_is_refused()
    {
        using var answer = await EnrolAsync("pump-7", "ift_nothing");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Basic", Assert.Single(answer.Headers.WwwAuthenticate).Scheme);
    }

    [Fact]
    public async Task A_revoked_token_is_refused()
    {
        var token = await TokenAsync(maxUses: 5);
        await _server.Client.RevokeTokenAsync(token.Id);
        using var answer = await EnrolAsync("pump-7", token.Secret);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task A_group_token_cannot_take_over_a_device_that_is_enrolled()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        var group = await TokenAsync(maxUses: 100);
        using var answer = await EnrolAsync("pump-7", group.Secret);
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
    }

    [Fact]
    public async Task A_csr_that_names_another_device_is_refused()
    {
        var token = await TokenAsync();
        using var answer = await EnrolAsync("pump-7", token.Secret, TestPki.Request("pump-8"));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_csr_whose_signature_is_broken_is_refused_and_the_token_stays_good()
    {
        var token = await TokenAsync();
        var broken = TestPki.Request("pump-7");
        broken[^1] ^= 1;
        using var answer = await EnrolAsync("pump-7", token.Secret, broken);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);

        using var mended = await EnrolAsync("pump-7", token.Secret);
        Assert.Equal(HttpStatusCode.OK, mended.StatusCode);
    }

    [Fact]
    public async Task A_wrong_content_type_is_refused()
    {
        var token = await TokenAsync();
        using var body = Body(TestPki.Request("pump-7"));
        body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await SendAsync("pump-7", token.Secret, body);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused()
    {
        var token = await TokenAsync();
        using var body = Body(new byte[20_000]);
        using var answer = await SendAsync("pump-7", token.Secret, body);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    private Task<CreatedToken> TokenAsync(int maxUses = 1) => _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "test", MaxUses = maxUses });

    private async Task<HttpResponseMessage> EnrolAsync(string deviceId, string token, byte[]? csr = null)
    {
        using var body = Body(csr ?? TestPki.Request(deviceId));
        return await SendAsync(deviceId, token, body);
    }

    private async Task<HttpResponseMessage> SendAsync(string deviceId, string token, HttpContent body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "simpleenroll") { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{deviceId}:{token}")));
        return await _http.SendAsync(request);
    }

    private static StringContent Body(byte[] csr) => new(Convert.ToBase64String(csr), new MediaTypeHeaderValue("application/pkcs10"));
}
