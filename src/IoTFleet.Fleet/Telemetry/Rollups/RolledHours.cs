using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>
/// Hours of some devices that are written in one transaction: what that costs is its flush, so a thousand hours together cost little more than one.
/// Statements are prepared once; by EF they were most of what an hour took.
/// </summary>
internal sealed class RolledHours(TelemetryDbContext db)
{
    internal const int Most = 1_000;

    private const int MostBytes = 8 * 1024 * 1024;

    /// <summary>Whoever late readings come from, looking for their days' rows must not keep others from writing.</summary>
    private const int MostDays = 10_000;

    private const string Unmark = """DELETE FROM "TelemetryStale" WHERE "Device" = @p0 AND "Hour" = @p1 AND "Version" = @p2""";
    private const string InsertMinutes = """INSERT INTO "TelemetryMinutes" ("Data", "Device", "Hour") VALUES (@p0, @p1, @p2)""";
    private const string UpdateMinutes = """UPDATE "TelemetryMinutes" SET "Data" = @p0 WHERE "Device" = @p1 AND "Hour" = @p2""";
    private const string InsertDay = """INSERT INTO "TelemetryHours" ("Data", "Device", "Day") VALUES (@p0, @p1, @p2)""";
    private const string UpdateDay = """UPDATE "TelemetryHours" SET "Data" = @p0 WHERE "Device" = @p1 AND "Day" = @p2""";

    private readonly List<RolledHour> _hours = [];
    private readonly HashSet<int> _devices = [];
    private readonly HashSet<int> _days = [];
    private long _bytes;

    internal bool IsFull => _hours.Count >= Most || _bytes >= MostBytes || (long)_devices.Count * _days.Count > MostDays;

    internal void Add(IEnumerable<RolledHour> hours)
    {
        foreach (var hour in hours)
        {
            _hours.Add(hour);
            _devices.Add(hour.Mark.Device);
            _days.Add(Hours.DayOf(hour.Mark.Hour));
            _bytes += (hour.Minutes?.Length ?? 0) + (hour.Whole?.Length ?? 0);
        }
    }

    /// <summary>Writes what was added, and takes the marks away; an hour that a merge has touched since, or that another node has written, stays as it is.</summary>
    internal async Task WriteAsync(CancellationToken ct)
    {
        if (_hours.Count == 0) return;
        // Serializable, since two nodes may write two hours of one day: one of them then begins anew.
        await using var transaction = await db.Database.BeginTransactionAsync(System.Data.IsolationLevel.Serializable, ct);
        using var statements = new PreparedStatements(db, new InsertPlans());
        var standing = new List<RolledHour>(_hours.Count);
        foreach (var hour in _hours)
        {
            if (await statements.ExecuteAsync(Unmark, ct, hour.Mark.Device, hour.Mark.Hour, hour.Mark.Version) > 0) standing.Add(hour);
        }
        foreach (var hour in standing.Where(hour => hour.Minutes is not null))
        {
            // A row that was there may have been deleted for its age meanwhile.
            if (hour.HasRow && await statements.ExecuteAsync(UpdateMinutes, ct, hour.Minutes, hour.Mark.Device, hour.Mark.Hour) > 0) continue;
            await statements.ExecuteAsync(InsertMinutes, ct, hour.Minutes, hour.Mark.Device, hour.Mark.Hour);
        }
        await WriteDaysAsync(statements, standing, ct);
        await transaction.CommitAsync(ct);
        _hours.Clear();
        _devices.Clear();
        _days.Clear();
        _bytes = 0;
    }

    private async Task WriteDaysAsync(PreparedStatements statements, List<RolledHour> standing, CancellationToken ct)
    {
        var known = await DaysAsync(ct);
        foreach (var day in standing.Where(hour => hour.Whole is not null).GroupBy(hour => (hour.Mark.Device, Day: Hours.DayOf(hour.Mark.Hour))))
        {
            var stored = known.GetValueOrDefault(day.Key);
            var blocks = DayRow.Read(stored ?? []);
            foreach (var hour in day) blocks[Hours.InDay(hour.Mark.Hour)] = hour.Whole!;
            await statements.ExecuteAsync(stored is null ? InsertDay : UpdateDay, ct, DayRow.Write(blocks), day.Key.Device, day.Key.Day);
        }
    }

    private async Task<Dictionary<(int Device, int Day), byte[]>> DaysAsync(CancellationToken ct)
    {
        var needed = _hours.Select(hour => (hour.Mark.Device, Hours.DayOf(hour.Mark.Hour))).ToHashSet();
        var (devices, days, found) = (_devices.ToArray(), _days.ToArray(), new Dictionary<(int, int), byte[]>());
        await foreach (var row in db.Hours.AsNoTracking().Where(row => devices.Contains(row.Device) && days.Contains(row.Day)).AsAsyncEnumerable().WithCancellation(ct))
        {
            if (needed.Contains((row.Device, row.Day))) found.Add((row.Device, row.Day), row.Data);
        }
        return found;
    }
}
