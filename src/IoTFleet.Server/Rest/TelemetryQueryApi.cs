using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Queries;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

/// <summary>What was measured. In the place of a device's id, <c>-</c>, which no device is called, stands for the devices that the parameters choose.</summary>
internal static class TelemetryQueryApi
{
    private const string Many = "-";

    private static readonly string[] Plain = ["count", "min", "max", "avg", "sum", "first", "last"];
    private static readonly string[] Percentiles = ["p50", "p95", "p99"];
    private static readonly string[] All = [.. Plain, .. Percentiles];

    public static void MapTelemetryQueries(this IEndpointRouteBuilder api)
    {
        api.MapGet($"/telemetry/{Many}/values", ManyValuesAsync);
        api.MapGet("/telemetry/{device}/values", ValuesAsync);
        api.MapGet("/telemetry/{device}/history", HistoryAsync);
        api.MapGet("/telemetry/{device}/buckets", BucketsAsync);
    }

    private static async Task<IResult> ValuesAsync(string device, ReadLatestValues read, HttpContext context, CancellationToken cancellationToken)
    {
        var text = new QueryText(context.Request.Query);
        var request = new ReadLatestValuesRequest(text.Devices(device), text.Metrics(), Limit: 1);
        if (text.Problem is { } problem) return Problems.Invalid(problem);
        return await read.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            ReadLatestValuesResult.Found found => new LatestValuesAnswer(found, IsPage: false),
            ReadLatestValuesResult.UnknownDevice => Problems.NoDevice(device),
            _ => Problems.Forbidden("read telemetry"),
        };
    }

    private static async Task<IResult> ManyValuesAsync(ReadLatestValues read, HttpContext context, CancellationToken cancellationToken)
    {
        var text = new QueryText(context.Request.Query);
        var request = new ReadLatestValuesRequest(text.Devices(), text.Metrics(), text.Text("cursor"), Limit(text));
        if (text.Problem is { } problem) return Problems.Invalid(problem);
        return await read.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            ReadLatestValuesResult.Found found => new LatestValuesAnswer(found, IsPage: true),
            ReadLatestValuesResult.UnknownDevice => Problems.NoDevice(request.Devices.Ids[0]),
            _ => Problems.Forbidden("read telemetry"),
        };
    }

    private static async Task<IResult> HistoryAsync(string device, ReadHistory read, HttpContext context, CancellationToken cancellationToken)
    {
        var text = new QueryText(context.Request.Query);
        var request = new ReadHistoryRequest(
            device, text.Metrics(), text.Time("from"), text.Time("to"), text.OneOf("order", false, ("asc", false), ("desc", true)), text.Text("cursor"), Limit(text));
        if (text.Problem is { } problem) return Problems.Invalid(problem);
        return await read.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            ReadHistoryResult.Found found => TypedResults.Ok(
                new Page<TelemetryReading> { Items = [.. found.Readings.Select(reading => Record(reading, request.Metrics))], Next = found.Next }),
            ReadHistoryResult.InvalidCursor => Problems.Invalid("The cursor is not one that a page before gave as 'next'.", ProblemCodes.InvalidCursor),
            ReadHistoryResult.UnknownDevice => Problems.NoDevice(device),
            _ => Problems.Forbidden("read telemetry"),
        };
    }

    private static async Task<IResult> BucketsAsync(string device, ReadBuckets read, HttpContext context, CancellationToken cancellationToken)
    {
        var text = new QueryText(context.Request.Query);
        var aggregates = text.Words("aggregates", All, Plain);
        var request = new ReadBucketsRequest(
            text.Devices(device == Many ? null : device), text.Metrics(), text.RequiredTime("from"), text.RequiredTime("to"), text.Width("bucket"), text.Time("origin"),
            aggregates.Intersect(Percentiles).Any(),
            text.OneOf("gaps", GapFilling.None, (GapNames.None, GapFilling.None), (GapNames.Null, GapFilling.Null), (GapNames.Previous, GapFilling.Previous), (GapNames.Linear, GapFilling.Linear)));
        if (text.Problem is { } problem) return Problems.Invalid(problem);
        return await read.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            ReadBucketsResult.Found found => TypedResults.Ok(Record(found, aggregates)),
            ReadBucketsResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            ReadBucketsResult.UnknownDevice => Problems.NoDevice(request.Devices.Ids[0]),
            _ => Problems.Forbidden("read telemetry"),
        };
    }

    private static int Limit(QueryText text) => text.Number("limit", Page<TelemetryReading>.DefaultLimit, 1, Page<TelemetryReading>.MaximumLimit);

    private static TelemetryReading Record(StoredReading reading, MetricSelection metrics)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer)) ReadingValues.Write(reading, metrics, json);
        var values = JsonElement.Parse(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
        return new TelemetryReading
        {
            Stream = reading.Stream,
            Time = reading.Time,
            ReceivedAt = reading.ReceivedAt,
            Sequence = reading.Sequence,
            Values = values.EnumerateObject().ToDictionary(value => value.Name, value => value.Value),
        };
    }

    private static TelemetryBuckets Record(ReadBucketsResult.Found found, IReadOnlyList<string> aggregates) => new()
    {
        Devices = found.Devices,
        PercentileError = found.QuantileError,
        Cut = found.IsCut,
        Series = [.. found.Series.Select(series => new TelemetrySeries
        {
            Stream = series.Stream,
            Metric = series.Metric,
            Buckets = [.. series.Buckets.Select(bucket => Record(bucket, aggregates))],
        })],
    };

    private static TelemetryBucket Record(TimeBucket bucket, IReadOnlyList<string> aggregates)
    {
        var figures = bucket.Figures;
        return new TelemetryBucket
        {
            Start = bucket.Start,
            Count = bucket.Count,
            Min = Asked("min", figures?.Min),
            Max = Asked("max", figures?.Max),
            Avg = Asked("avg", figures?.Average),
            Sum = Asked("sum", figures?.Sum),
            First = Asked("first", figures?.First),
            Last = Asked("last", figures?.Last),
            P50 = Asked("p50", figures?.P50),
            P95 = Asked("p95", figures?.P95),
            P99 = Asked("p99", figures?.P99),
        };

        double? Asked(string name, double? value) => value is { } number && double.IsFinite(number) && aggregates.Contains(name) ? number : null;
    }
}
