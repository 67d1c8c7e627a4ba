using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Fleet.Telemetry;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

internal static class TelemetryApi
{
    public static void MapTelemetry(this IEndpointRouteBuilder api)
    {
        api.MapGet("/telemetry/{device}/latest", LatestAsync);
        api.MapGet("/telemetry/{device}", RangeAsync);
    }

    private static async Task<IResult> LatestAsync(string device, QueryTelemetry query, HttpContext context, CancellationToken cancellationToken) =>
        await query.LatestAsync(ActorOf(context), device, cancellationToken) switch
        {
            QueryTelemetryResult.Found { Rows: [var row, ..] } => TypedResults.Ok(Record(row)),
            QueryTelemetryResult.Found => Problems.NotFound(ProblemCodes.TelemetryNotFound, $"Device {device} has not sent telemetry yet."),
            var other => Explain(other, device),
        };

    private static async Task<IResult> RangeAsync(
        string device, QueryTelemetry query, HttpContext context, CancellationToken cancellationToken,
        DateTimeOffset? from = null, DateTimeOffset? to = null, string? cursor = null, int limit = Page<TelemetryRecord>.DefaultLimit)
    {
        var range = new TelemetryRange(device, from, to, cursor, Math.Clamp(limit, 1, Page<TelemetryRecord>.MaximumLimit));
        return await query.RangeAsync(ActorOf(context), range, cancellationToken) switch
        {
            QueryTelemetryResult.Found found => TypedResults.Ok(new Page<TelemetryRecord> { Items = [.. found.Rows.Select(Record)], Next = found.Next }),
            var other => Explain(other, device),
        };
    }

    private static IResult Explain(QueryTelemetryResult result, string device) => result switch
    {
        QueryTelemetryResult.InvalidCursor => Problems.Invalid("The cursor is not one that a page before gave as 'next'.", ProblemCodes.InvalidCursor),
        QueryTelemetryResult.UnknownDevice => Problems.NoDevice(device),
        _ => Problems.Forbidden("read telemetry"),
    };

    internal static TelemetryRecord Record(StoredReading row) => new()
    {
        DeviceId = row.DeviceId,
        Stream = row.Stream,
        Time = row.Time,
        ReceivedAt = row.ReceivedAt,
        Sequence = row.Sequence,
        ContentType = row.ContentType,
        Body = BodyOf(row),
    };

    /// <summary>What is raw goes into JSON as base64.</summary>
    internal static JsonElement BodyOf(StoredReading row) =>
        row.ContentType is null ? JsonElement.Parse(row.Body.Span) : JsonElement.Parse($"\"{Convert.ToBase64String(row.Body.Span)}\"");
}
