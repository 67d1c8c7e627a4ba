namespace IoTFleet.Fleet.Telemetry.Queries;

/// <param name="DeviceId">Whose.</param>
/// <param name="Metrics">Which.</param>
/// <param name="From">The first time inside.</param>
/// <param name="To">The first time outside.</param>
/// <param name="NewestFirst">The order.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">Readings a page; 1 to 10,000, and what is outside is brought inside.</param>
public sealed record ReadHistoryRequest(
    string DeviceId, MetricSelection Metrics, DateTimeOffset? From = null, DateTimeOffset? To = null,
    bool NewestFirst = false, string? Cursor = null, int Limit = 1_000);

public abstract record ReadHistoryResult
{
    private ReadHistoryResult() { }

    /// <summary>Readings with at least one of the metrics. A page may be short, even empty, while <c>Next</c> says that there is more.</summary>
    public sealed record Found(IReadOnlyList<StoredReading> Readings, string? Next) : ReadHistoryResult;
    public sealed record InvalidCursor : ReadHistoryResult;
    public sealed record UnknownDevice : ReadHistoryResult;
    public sealed record Forbidden : ReadHistoryResult;
}

/// <summary>A device's readings that have one of the chosen metrics.</summary>
public sealed class ReadHistory(TelemetryReader reader, DeviceDirectory directory)
{
    private const int MaxLimit = 10_000;

    /// <summary>Readings looked at for one page: for a metric that is rare, an answer still comes soon.</summary>
    private const int MaxScanned = 50_000;

    public async Task<ReadHistoryResult> RunAsync(Actor actor, ReadHistoryRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new ReadHistoryResult.Forbidden();
        ReadingPosition? after = null;
        if (request.Cursor is not null && !ReadingPosition.TryParse(request.Cursor, out after)) return new ReadHistoryResult.InvalidCursor();

        var (limit, scanned, found, next) = (Math.Clamp(request.Limit, 1, MaxLimit), 0, new List<StoredReading>(), (string?)null);
        StoredReading? last = null;
        await foreach (var reading in reader.ReadAsync(Range(request, after), ct))
        {
            if (found.Count == limit || scanned == MaxScanned)
            {
                next = ReadingPosition.Of(last!).ToString();
                break;
            }
            (last, scanned) = (reading, scanned + 1);
            if (ReadingValues.HasAny(reading, request.Metrics)) found.Add(reading);
        }
        return scanned == 0 && !await directory.IsKnownAsync(request.DeviceId, ct)
            ? new ReadHistoryResult.UnknownDevice()
            : new ReadHistoryResult.Found(found, next);
    }

    private static ReadingRange Range(ReadHistoryRequest request, ReadingPosition? after) => new(
        request.DeviceId,
        request.From is { } from ? EpochTime.ToMicroseconds(from) : long.MinValue,
        request.To is { } to ? EpochTime.ToMicroseconds(to) : long.MaxValue,
        after is null ? null : (after.TimeUs, after.Id),
        request.NewestFirst);
}
