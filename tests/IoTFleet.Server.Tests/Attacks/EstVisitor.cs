using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Api;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Asks for certificates over EST, with whatever credentials and whatever body.</summary>
internal sealed class EstVisitor : IDisposable
{
    private readonly RunningServer _server;
    private readonly HttpClient _http;

    public EstVisitor(RunningServer server, X509Certificate2? certificate = null)
    {
        _server = server;
        var handler = new SocketsHttpHandler { SslOptions = server.TlsOptions(certificate) };
        _http = new HttpClient(handler) { BaseAddress = new Uri($"https://localhost:{server.HttpsPort}/.well-known/est/") };
    }

    public HttpClient Http => _http;

    public async Task<string> TokenAsync(string? deviceId = null, int maxUses = 1, string? group = null) =>
        (await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "attack", DeviceId = deviceId, MaxUses = maxUses, Group = group })).Secret;

    /// <returns>The status, and the answer's text.</returns>
    public Task<(HttpStatusCode Status, string Text)> EnrolAsync(string? deviceId, string? token, byte[] request, string operation = "simpleenroll") =>
        PostAsync(operation, deviceId, token, Encoding.ASCII.GetBytes(Convert.ToBase64String(request)));

    public async Task<(HttpStatusCode Status, string Text)> PostAsync(string operation, string? deviceId, string? token, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/pkcs10");
        using var message = new HttpRequestMessage(HttpMethod.Post, operation) { Content = content };
        if (token is not null) message.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{deviceId}:{token}")));
        using var answer = await _http.SendAsync(message);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    public void Dispose() => _http.Dispose();
}
