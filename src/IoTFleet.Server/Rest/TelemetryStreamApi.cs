using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using IoTFleet.Api;
using IoTFleet.Fleet.Operators;
using IoTFleet.Fleet.Telemetry.Queries;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

/// <summary>Telemetry as a file of any size, and as it comes.</summary>
internal static class TelemetryStreamApi
{
    private const string Many = "-";

    public static void MapTelemetryStreams(this IEndpointRouteBuilder api)
    {
        api.MapGet("/telemetry/{device}/export", ExportAsync);
        api.MapGet("/telemetry/{device}/live", LiveAsync);
    }

    private static async Task<IResult> ExportAsync(string device, ExportTelemetry export, HttpContext context, CancellationToken cancellationToken)
    {
        var text = new QueryText(context.Request.Query);
        var request = new ExportTelemetryRequest(
            text.Devices(device == Many ? null : device), text.Metrics(),
            text.OneOf("format", ExportFormat.Ndjson, ("csv", ExportFormat.Csv), ("ndjson", ExportFormat.Ndjson)), text.Time("from"), text.Time("to"));
        if (text.Problem is { } problem) return Problems.Invalid(problem);
        return await export.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            ExportTelemetryResult.Ready ready => new Export(ready, request.Format),
            ExportTelemetryResult.UnknownDevice => Problems.NoDevice(request.Devices.Ids[0]),
            _ => Problems.Forbidden("read telemetry"),
        };
    }

    private static async Task<IResult> LiveAsync(
        string device, WatchTelemetry watch, SignIn signIn, IHostApplicationLifetime host, HttpContext context, CancellationToken cancellationToken)
    {
        var text = new QueryText(context.Request.Query);
        var request = new WatchTelemetryRequest(text.Devices(device == Many ? null : device), text.Metrics());
        if (text.Problem is { } problem) return Problems.Invalid(problem);
        var key = KeyIdOf(context);
        return await watch.RunAsync(ActorOf(context), request, async ct => await signIn.AgainAsync(key, ct) is not null, host.ApplicationStopping, cancellationToken) switch
        {
            WatchTelemetryResult.Watching watching => TypedResults.ServerSentEvents(EventsAsync(watching.Events, cancellationToken)),
            WatchTelemetryResult.TooMany => Problems.Of(
                StatusCodes.Status503ServiceUnavailable, ProblemCodes.Unavailable, "Too many watch", $"{WatchTelemetry.MaxWatchers} watch already, which is the most; try again later."),
            WatchTelemetryResult.UnknownDevice => Problems.NoDevice(request.Devices.Ids[0]),
            _ => Problems.Forbidden("read telemetry"),
        };
    }

    private static async IAsyncEnumerable<SseItem<LiveTelemetry>> EventsAsync(IAsyncEnumerable<WatchedEvent> events, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var one in events.WithCancellation(cancellationToken))
        {
            yield return one switch
            {
                WatchedEvent.Stored stored => new SseItem<LiveTelemetry>(new LiveTelemetry { Record = TelemetryApi.Record(stored.Reading) }, "reading"),
                WatchedEvent.Missed missed => new SseItem<LiveTelemetry>(new LiveTelemetry { Missed = missed.Messages }, "missed"),
                _ => new SseItem<LiveTelemetry>(new LiveTelemetry(), "quiet"),
            };
        }
    }

    /// <summary>A body that is written while it is read from the database.</summary>
    private sealed class Export(ExportTelemetryResult.Ready ready, ExportFormat format) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.ContentType = format == ExportFormat.Csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson";
            response.Headers.ContentDisposition = $"attachment; filename=\"telemetry.{(format == ExportFormat.Csv ? "csv" : "ndjson")}\"";
            await ready.WriteAsync(response.BodyWriter, httpContext.RequestAborted);
        }
    }
}
