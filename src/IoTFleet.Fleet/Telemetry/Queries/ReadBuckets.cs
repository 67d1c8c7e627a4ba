using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>What a bucket without readings says. Previous and linear take each figure from the buckets beside it that have readings.</summary>
public enum GapFilling { None, Null, Previous, Linear }

/// <param name="Devices">Whose readings; those of several go into the same buckets.</param>
/// <param name="Metrics">Which.</param>
/// <param name="From">The first time inside.</param>
/// <param name="To">The first time outside.</param>
/// <param name="Width">Of a bucket.</param>
/// <param name="Origin">Where a bucket begins; the others follow from it. For months, on one of their first 28 days.</param>
/// <param name="WithQuantiles">Also the median and the 95th and 99th percentile.</param>
/// <param name="Gaps">What is said of buckets without readings.</param>
public sealed record ReadBucketsRequest(
    DeviceFilter Devices, MetricSelection Metrics, DateTimeOffset From, DateTimeOffset To, BucketWidth Width,
    DateTimeOffset? Origin = null, bool WithQuantiles = false, GapFilling Gaps = GapFilling.None);

/// <param name="Start">When it begins; the first one may begin before the question.</param>
/// <param name="Count">How many values; 0 for a gap that is filled.</param>
/// <param name="Figures">Null when nothing is known.</param>
public sealed record TimeBucket(DateTimeOffset Start, long Count, BucketFigures? Figures);

/// <summary>Quantiles by the nearest rank; null when they were not asked for.</summary>
public sealed record BucketFigures(
    double Min, double Max, double Average, double Sum, double First, double Last, double? P50 = null, double? P95 = null, double? P99 = null);

public sealed record BucketSeries(string Stream, string Metric, IReadOnlyList<TimeBucket> Buckets);

public abstract record ReadBucketsResult
{
    private ReadBucketsResult() { }

    /// <param name="Devices">How many were asked.</param>
    /// <param name="Series">By stream and metric.</param>
    /// <param name="QuantileError">By which part of itself a quantile may be off; 0 when they are exact, null when there are none.</param>
    /// <param name="IsCut">There are more metrics than an answer holds.</param>
    public sealed record Found(int Devices, IReadOnlyList<BucketSeries> Series, double? QuantileError, bool IsCut) : ReadBucketsResult;

    public sealed record Invalid(string Problem) : ReadBucketsResult;
    public sealed record UnknownDevice : ReadBucketsResult;
    public sealed record Forbidden : ReadBucketsResult;
}

public sealed class ReadBuckets(IDbContextFactory<TelemetryDbContext> databases, TelemetryReader reader, DeviceDirectory directory)
{
    public const int MaxBuckets = 10_000;

    /// <summary>Device-hours up to which quantiles are made from readings although rollups would do.</summary>
    public const int ExactHours = 48;

    /// <summary>Of questions that rollups cannot answer.</summary>
    public const int MaxReadingHours = 10_000;

    /// <summary>Values that one question holds for its quantiles.</summary>
    public const int MaxExactValues = 2_000_000;

    private const int DevicesAtOnce = 100;

    /// <summary>Mondays, the first of months, full hours: whatever is a natural beginning.</summary>
    private static readonly DateTimeOffset NaturalOrigin = new(2001, 1, 1, 0, 0, 0, TimeSpan.Zero); // a Monday

    public async Task<ReadBucketsResult> RunAsync(Actor actor, ReadBucketsRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new ReadBucketsResult.Forbidden();
        var origin = (request.Origin ?? NaturalOrigin).ToUniversalTime();
        if (Problem(request, origin) is { } problem) return new ReadBucketsResult.Invalid(problem);
        var span = new TimeSpanUs(EpochTime.ToMicroseconds(request.From), EpochTime.ToMicroseconds(request.To));
        if (BucketGrid.Over(span.FromUs, span.ToUs, request.Width, origin, MaxBuckets) is not { } grid)
            return new ReadBucketsResult.Invalid($"That is more than {MaxBuckets} buckets; make them wider, or the span shorter.");

        var devices = await directory.PageAsync(request.Devices, after: null, limit: int.MaxValue, ct);
        if (devices.Count == 0 && request.Devices.IsOneDevice) return new ReadBucketsResult.UnknownDevice();
        if (NeedsReadings(request, grid) && DeviceHours(devices, span) > MaxReadingHours)
            return new ReadBucketsResult.Invalid($"From readings, at most {MaxReadingHours} device-hours at once; choose buckets of whole {(request.WithQuantiles ? "hours" : "minutes")}, a shorter span or fewer devices.");
        var budget = new QuantileBudget(MaxExactValues);
        var found = await GatherAsync(devices, request, grid, span, budget, ct);
        var series = found.Series.Select(entry => Series(entry, grid, request)).OrderBy(one => one.Stream, StringComparer.Ordinal).ThenBy(one => one.Metric, StringComparer.Ordinal);
        return new ReadBucketsResult.Found(devices.Count, [.. series], !request.WithQuantiles ? null : budget.IsSketched ? QuantileSketch.RelativeError : 0, found.IsCut);
    }

    private static string? Problem(ReadBucketsRequest request, DateTimeOffset origin) =>
        request.From >= request.To ? "'from' must be before 'to'."
        : request.Metrics.Metrics.Count > MetricSelection.MaxMetrics ? $"At most {MetricSelection.MaxMetrics} metrics at once."
        : request.Width.Months > 0 && origin.Day > 28 ? "For months, 'origin' must be on one of the first 28 days of its month."
        : null;

    /// <summary>No rollup would do.</summary>
    private static bool NeedsReadings(ReadBucketsRequest request, BucketGrid grid) => grid.Unit == 0 || (request.WithQuantiles && grid.Unit < Hours.HourUs);

    private static double DeviceHours(List<string> devices, TimeSpanUs span) => (span.ToUs - span.FromUs) / (double)Hours.HourUs * devices.Count;

    private async Task<BucketAccumulators> GatherAsync(
        List<string> devices, ReadBucketsRequest request, BucketGrid grid, TimeSpanUs span, QuantileBudget budget, CancellationToken ct)
    {
        var needsReadings = NeedsReadings(request, grid);
        if (request.WithQuantiles && (needsReadings || DeviceHours(devices, span) <= ExactHours))
        {
            var exact = new BucketAccumulators(grid, request.Metrics, withQuantiles: true, budget);
            var kept = await new BucketScan(databases, reader, exact).TryReadingsAsync(devices, span, ct);
            if (kept || needsReadings) return exact;
        }
        var found = new BucketAccumulators(grid, request.Metrics, request.WithQuantiles, budget);
        var scan = new BucketScan(databases, reader, found);
        var parts = BucketParts.Of(span, grid.Unit, withMinutes: !request.WithQuantiles);
        foreach (var some in devices.Chunk(DevicesAtOnce)) await scan.RunAsync(some, parts, ct);
        return found;
    }

    private static BucketSeries Series(KeyValuePair<byte[], BucketAccumulators.Bucket?[]> entry, BucketGrid grid, ReadBucketsRequest request)
    {
        var (stream, metric) = MetricKey.Read(entry.Key);
        var buckets = new TimeBucket[grid.Count];
        for (var i = 0; i < buckets.Length; i++)
            buckets[i] = new TimeBucket(EpochTime.FromMicroseconds(grid.StartOf(i)), entry.Value[i]?.Stats.Count ?? 0, Figures(entry.Value[i]));
        return new BucketSeries(stream, metric, GapFill.Apply(buckets, request.Gaps));
    }

    private static BucketFigures? Figures(BucketAccumulators.Bucket? bucket)
    {
        if (bucket is null) return null;
        var stats = bucket.Stats;
        return new BucketFigures(stats.Min, stats.Max, stats.Sum / stats.Count, stats.Sum, stats.First, stats.Last, Quantile(0.5), Quantile(0.95), Quantile(0.99));

        // A sketch's bucket may reach beyond the values that are in it.
        double? Quantile(double at) => bucket.Quantiles is { } quantiles ? Math.Clamp(quantiles.At(at), stats.Min, stats.Max) : null;
    }
}
