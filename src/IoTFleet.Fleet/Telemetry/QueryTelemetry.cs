using System.Globalization;
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
    public sealed record Found(IReadOnlyList<TelemetryRow> Rows, string? Next = null) : QueryTelemetryResult;
    public sealed record InvalidCursor : QueryTelemetryResult;
    public sealed record UnknownDevice : QueryTelemetryResult;
    public sealed record Forbidden : QueryTelemetryResult;
}

public sealed class QueryTelemetry(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 10_000;

    /// <summary>How many of the newest messages are searched for the devices last heard of.</summary>
    private const int RecentRows = 2_000;

    /// <summary>The device's message with the latest time, or none.</summary>
    public async Task<QueryTelemetryResult> LatestAsync(Actor actor, string deviceId, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new QueryTelemetryResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var latest = await db.Telemetry.AsNoTracking().Where(r => r.DeviceId == deviceId)
            .OrderByDescending(r => r.Time).ThenByDescending(r => r.Id).Take(1).ToListAsync(ct);
        return latest.Count > 0 || await IsKnownAsync(db, deviceId, ct)
            ? new QueryTelemetryResult.Found(latest)
            : new QueryTelemetryResult.UnknownDevice();
    }

    /// <summary>The newest message of each of the devices last heard of, for an overview; only devices among the 2,000 newest messages.</summary>
    public async Task<QueryTelemetryResult> LatestOfManyAsync(Actor actor, int devices, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new QueryTelemetryResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var recent = await db.Telemetry.OrderByDescending(r => r.Id).Take(RecentRows).Select(r => new { r.Id, r.DeviceId }).ToListAsync(ct);
        var ids = recent.DistinctBy(r => r.DeviceId).Take(Math.Clamp(devices, 1, RecentRows)).Select(r => r.Id).ToList();
        var rows = await db.Telemetry.AsNoTracking().Where(r => ids.Contains(r.Id)).OrderByDescending(r => r.Id).ToListAsync(ct);
        return new QueryTelemetryResult.Found(rows);
    }

    /// <summary>A device's messages, by time and, at the same time, in the order of storing.</summary>
    public async Task<QueryTelemetryResult> RangeAsync(Actor actor, TelemetryRange range, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new QueryTelemetryResult.Forbidden();
        Position? after = null;
        if (range.Cursor is not null && !Position.TryParse(range.Cursor, out after)) return new QueryTelemetryResult.InvalidCursor();

        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(range.Limit, 1, MaxLimit);
        var rows = await Inside(db, range, after).OrderBy(r => r.Time).ThenBy(r => r.Id).Take(limit + 1).ToListAsync(ct);
        if (rows.Count == 0 && !await IsKnownAsync(db, range.DeviceId, ct)) return new QueryTelemetryResult.UnknownDevice();
        if (rows.Count <= limit) return new QueryTelemetryResult.Found(rows);
        rows.RemoveAt(limit); // It was read only to know that there is more.
        return new QueryTelemetryResult.Found(rows, Position.Of(rows[^1]).ToString());
    }

    private static IQueryable<TelemetryRow> Inside(FleetDbContext db, TelemetryRange range, Position? after)
    {
        var rows = db.Telemetry.AsNoTracking().Where(r => r.DeviceId == range.DeviceId);
        if (range.From is { } from) rows = rows.Where(r => r.Time >= from);
        if (range.To is { } to) rows = rows.Where(r => r.Time < to);
        if (after is null) return rows;
        var (time, id) = (after.Time, after.Id);
        // The first condition adds nothing to the answer; it lets the search begin at the position in the index.
        return rows.Where(r => r.Time >= time && (r.Time > time || r.Id > id));
    }

    private static Task<bool> IsKnownAsync(FleetDbContext db, string deviceId, CancellationToken ct) =>
        db.Devices.AnyAsync(d => d.Id == deviceId, ct);

    /// <summary>Where a page ended, written as <c>microseconds-id</c>.</summary>
    private sealed record Position(DateTimeOffset Time, long Id)
    {
        internal static Position Of(TelemetryRow row) => new(row.Time, row.Id);

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{EpochTime.ToMicroseconds(Time)}-{Id}");

        internal static bool TryParse(string text, out Position? position)
        {
            position = null;
            var dash = text.IndexOf('-', StringComparison.Ordinal);
            if (dash < 0 || !TryParseNumber(text.AsSpan(0, dash), out var time) || !TryParseNumber(text.AsSpan(dash + 1), out var id)) return false;
            if (time > EpochTime.ToMicroseconds(DateTimeOffset.MaxValue)) return false;
            position = new Position(EpochTime.FromMicroseconds(time), id);
            return true;
        }

        private static bool TryParseNumber(ReadOnlySpan<char> text, out long number) =>
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
