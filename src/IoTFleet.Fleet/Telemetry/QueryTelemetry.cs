using IoTFleet.Fleet.Telemetry.Queries;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry;

/// <param name="DeviceId">Whose messages.</param>
/// <param name="From">The first time inside.</param>
/// <param name="To">The first time outside.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 10,000, and what is outside is brought inside.</param>
public sealed record TelemetryRange(
    string DeviceId, DateTimeOffset? From = null, DateTimeOffset? To = null, string? Cursor = null, int Limit = 1_000);

public abstract record QueryTelemetryResult
{
    private QueryTelemetryResult() { }

    /// <summary><c>Next</c> is null when there is no more.</summary>
    public sealed record Found(IReadOnlyList<StoredReading> Rows, string? Next = null) : QueryTelemetryResult;
    public sealed record InvalidCursor : QueryTelemetryResult;
    public sealed record UnknownDevice : QueryTelemetryResult;
    public sealed record Forbidden : QueryTelemetryResult;
}

public sealed class QueryTelemetry(TelemetryReader reader, IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 10_000;

    /// <summary>The device's message with the latest time, or none.</summary>
    public async Task<QueryTelemetryResult> LatestAsync(Actor actor, string deviceId, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new QueryTelemetryResult.Forbidden();
        return await NewestAsync(deviceId, ct) is { } newest ? new QueryTelemetryResult.Found([newest])
            : await IsKnownAsync(deviceId, ct) ? new QueryTelemetryResult.Found([])
            : new QueryTelemetryResult.UnknownDevice();
    }

    /// <summary>The newest message of each of the devices last heard of, for an overview.</summary>
    public async Task<QueryTelemetryResult> LatestOfManyAsync(Actor actor, int devices, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new QueryTelemetryResult.Forbidden();
        var found = new List<StoredReading>();
        foreach (var id in await reader.LastHeardAsync(devices, ct))
        {
            if (await NewestAsync(id, ct) is { } newest) found.Add(newest);
        }
        return new QueryTelemetryResult.Found(found);
    }

    /// <summary>A device's messages, by time and, at the same time, in the order of storing.</summary>
    public async Task<QueryTelemetryResult> RangeAsync(Actor actor, TelemetryRange range, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new QueryTelemetryResult.Forbidden();
        ReadingPosition? after = null;
        if (range.Cursor is not null && !ReadingPosition.TryParse(range.Cursor, out after)) return new QueryTelemetryResult.InvalidCursor();

        var limit = Math.Clamp(range.Limit, 1, MaxLimit);
        var rows = await reader.ReadAsync(Inside(range, after), ct).Take(limit + 1).ToListAsync(ct); // one more, only to know that there is more
        if (rows.Count == 0 && !await IsKnownAsync(range.DeviceId, ct)) return new QueryTelemetryResult.UnknownDevice();
        if (rows.Count <= limit) return new QueryTelemetryResult.Found(rows);
        rows.RemoveAt(limit);
        return new QueryTelemetryResult.Found(rows, ReadingPosition.Of(rows[^1]).ToString());
    }

    private static ReadingRange Inside(TelemetryRange range, ReadingPosition? after) => new(
        range.DeviceId,
        range.From is { } from ? EpochTime.ToMicroseconds(from) : long.MinValue,
        range.To is { } to ? EpochTime.ToMicroseconds(to) : long.MaxValue,
        after is null ? null : (after.TimeUs, after.Id));

    private ValueTask<StoredReading?> NewestAsync(string deviceId, CancellationToken ct) =>
        reader.ReadAsync(new ReadingRange(deviceId, NewestFirst: true), ct).FirstOrDefaultAsync(ct);

    private async Task<bool> IsKnownAsync(string deviceId, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Devices.AnyAsync(device => device.Id == deviceId, ct);
    }
}
