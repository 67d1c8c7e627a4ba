using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Operators;

namespace IoTFleet.Server.Tests;

public sealed class RestTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_device_is_registered_once_listed_and_found()
    {
        await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "pump-7", DisplayName = "Pump seven" });
        var twice = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "pump-7" }));
        Assert.Equal((HttpStatusCode.Conflict, ProblemCodes.DeviceExists), (twice.Status, twice.Code));

        var page = await _server.Client.GetDevicesPageAsync(state: DeviceStates.Registered, prefix: "pump-");
        Assert.Equal("Pump seven", Assert.Single(page.Items).DisplayName);
        Assert.Empty((await _server.Client.GetDeviceAsync("pump-7")).Certificates);
    }

    [Fact]
    public async Task The_list_of_devices_is_read_page_by_page()
    {
        for (var n = 0; n < 5; n++) await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = $"pump-{n}" });
        var first = await _server.Client.GetDevicesPageAsync(limit: 3);
        var second = await _server.Client.GetDevicesPageAsync(cursor: first.Next, limit: 3);
        Assert.Equal(["pump-0", "pump-1", "pump-2", "pump-3", "pump-4"], first.Items.Concat(second.Items).Select(device => device.Id));
    }

    [Fact]
    public async Task A_tokens_secret_is_shown_once_and_its_uses_are_counted()
    {
        var created = await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "line 4", MaxUses = 10, ExpiresInSeconds = 3600 });
        Assert.StartsWith("ift_", created.Secret, StringComparison.Ordinal);
        var listed = Assert.Single((await _server.Client.GetTokensPageAsync()).Items);
        Assert.Equal((created.Id, 10, 0), (listed.Id, listed.MaxUses, listed.Uses));

        await _server.Client.RevokeTokenAsync(created.Id);
        Assert.NotNull(Assert.Single((await _server.Client.GetTokensPageAsync()).Items).RevokedAt);
    }

    [Theory]
    [InlineData("GET", "devices/nobody", 404, ProblemCodes.DeviceNotFound)]
    [InlineData("POST", "devices/nobody/suspend", 404, ProblemCodes.DeviceNotFound)]
    [InlineData("POST", "devices/nobody/revoke", 404, ProblemCodes.DeviceNotFound)]
    [InlineData("GET", "telemetry/nobody/latest", 404, ProblemCodes.DeviceNotFound)]
    [InlineData("DELETE", "tokens/none", 404, ProblemCodes.TokenNotFound)]
    [InlineData("GET", "devices?state=asleep", 400, ProblemCodes.InvalidRequest)]
    [InlineData("GET", "telemetry/nobody?cursor=x", 400, ProblemCodes.InvalidCursor)]
    [InlineData("GET", "telemetry/nobody?from=yesterday", 400, ProblemCodes.InvalidRequest)]
    [InlineData("GET", "nothing", 404, ProblemCodes.NotFound)]
    public async Task A_bad_request_gets_a_problem_with_a_stable_code(string method, string path, int status, string code)
    {
        using var answer = await SendAsync(new HttpMethod(method), path, _server.ApiKey);
        Assert.Equal((status, ApiProblem.MediaType), ((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal(code, problem.RootElement.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("Pump 7")]
    [InlineData("PUMP")]
    [InlineData("")]
    [InlineData("a/b")]
    public async Task A_device_id_outside_the_grammar_is_refused(string id)
    {
        var problem = await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = id }));
        Assert.Equal(ProblemCodes.InvalidDeviceId, problem.Code);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    public async Task A_body_that_cannot_be_read_is_refused(string body)
    {
        using var answer = await SendAsync(HttpMethod.Post, "devices", _server.ApiKey, body);
        Assert.Equal((HttpStatusCode.BadRequest, ApiProblem.MediaType), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("ifk_wrong")]
    public async Task Without_a_known_key_nothing_is_answered(string? key)
    {
        using var answer = await SendAsync(HttpMethod.Get, "devices", key);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Bearer", Assert.Single(answer.Headers.WwwAuthenticate).Scheme);
    }

    [Theory]
    [InlineData("GET", "devices", 200)]
    [InlineData("GET", "overview", 200)]
    [InlineData("GET", "tokens", 403)]
    [InlineData("POST", "devices/pump-7/suspend", 403)]
    [InlineData("POST", "devices/pump-7/resume", 403)]
    [InlineData("POST", "devices/pump-7/revoke", 403)]
    public async Task A_viewers_key_may_look_and_nothing_else(string method, string path, int status)
    {
        await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "pump-7" });
        var created = Assert.IsType<CreateKeyResult.Created>(await _server.Get<CreateKey>().RunAsync(Actor.System, new CreateKeyRequest("viewer", Role.Viewer), CancellationToken.None));
        using var answer = await SendAsync(new HttpMethod(method), path, created.Secret.Reveal());
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Health_needs_no_key()
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(_server.RootFile).CreateHandler());
        Assert.Equal("Healthy", await http.GetStringAsync($"https://localhost:{_server.HttpsPort}/healthz"));
        Assert.Equal("Healthy", await http.GetStringAsync($"https://localhost:{_server.HttpsPort}/readyz"));
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? key, string? body = null)
    {
        using var http = new HttpClient(ServerTrust.FromRootFile(_server.RootFile).CreateHandler());
        using var request = new HttpRequestMessage(method, $"https://localhost:{_server.HttpsPort}/api/v1/{path}");
        if (key is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await http.SendAsync(request);
    }
}
