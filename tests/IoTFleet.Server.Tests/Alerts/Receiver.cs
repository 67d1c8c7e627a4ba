using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Server.Tests.Alerts;

internal sealed record ReceivedCall(string Path, string Timestamp, string Signature, string Delivery, string Event, string Body);

/// <summary>A real web server that webhooks call, and that answers as the test says: the statuses in turn, then 200.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(int Status, string? Header, string? Value)> _answers = new();
    private TaskCompletionSource? _toHold;
    private TaskCompletionSource? _held;

    private Receiver(WebApplication app)
    {
        _app = app;
        app.Run(AnswerAsync);
    }

    internal ConcurrentQueue<ReceivedCall> Calls { get; } = new();

    internal string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    internal static async Task<Receiver> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        if (certificate is not null) builder.WebHost.UseKestrelHttpsConfiguration();
        var receiver = new Receiver(builder.Build());
        await receiver._app.StartAsync();
        return receiver;
    }

    internal Receiver Then(int status, string? header = null, string? value = null)
    {
        _answers.Enqueue((status, header, value));
        return this;
    }

    /// <summary>The next call is not answered before <see cref="Release"/>.</summary>
    internal Receiver HoldNext()
    {
        _held = _toHold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return this;
    }

    internal void Release() => _held?.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        string Header(string name) => context.Request.Headers[name].ToString();
        Calls.Enqueue(new ReceivedCall(context.Request.Path, Header("IoTFleet-Timestamp"), Header("IoTFleet-Signature"), Header("IoTFleet-Delivery"), Header("IoTFleet-Event"), await reader.ReadToEndAsync()));
        if (Interlocked.Exchange(ref _toHold, null) is { } hold) await hold.Task;
        if (!_answers.TryDequeue(out var answer)) return;
        context.Response.StatusCode = answer.Status;
        if (answer.Header is { } name) context.Response.Headers[name] = answer.Value;
    }
}
