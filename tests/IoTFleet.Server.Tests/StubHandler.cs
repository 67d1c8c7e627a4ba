using System.Net;
using System.Text;

namespace IoTFleet.Server.Tests;

/// <summary>Answers every request with what the test says, and remembers what was asked.</summary>
internal sealed class StubHandler(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
{
    public List<string> Requests { get; } = [];

    public List<string> Bodies { get; } = [];

    public static StubHandler Json(params string[] answers)
    {
        var next = new Queue<string>(answers);
        return new StubHandler(_ => Content(HttpStatusCode.OK, "application/json", next.Dequeue()));
    }

    public static StubHandler Problem(HttpStatusCode status, string json) => new(_ => Content(status, "application/problem+json", json));

    public static HttpResponseMessage Content(HttpStatusCode status, string type, string text) =>
        new(status) { Content = new StringContent(text, Encoding.UTF8, type) };

    public HttpClient ToClient() => new(this) { BaseAddress = new Uri("https://fleet.test:8443") };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Requests.Add($"{request.Method} {request.RequestUri!.PathAndQuery}");
        Bodies.Add(request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken));
        return answer(request);
    }
}
