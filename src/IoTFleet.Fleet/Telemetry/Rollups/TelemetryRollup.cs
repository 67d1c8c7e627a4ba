using System.Runtime.InteropServices;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>
/// Brings the rollups of hours that a merge has touched up to date, some time behind: readers add what is missing by themselves.
/// A mark is taken away in the transaction that writes what it stood for, and only while no merge has touched it since, so it may be killed at any point.
/// </summary>
internal sealed class TelemetryRollup(
    IDbContextFactory<TelemetryDbContext> databases, TelemetryOptions options, StorePatience patience, TimeProvider clock)
{
    private const int MarksAtOnce = 1_000;

    /// <summary>Hours of one device in one transaction.</summary>
    private const int HoursAtOnce = 5 * Hours.PerDay;

    private Dictionary<(int Device, int Hour), Sighting> _seen = [];

    /// <summary>Goes once through all marks.</summary>
    /// <param name="all">Also hours that still go on; otherwise these only once they have been quiet for a while.</param>
    /// <param name="ct">Ends it between two devices.</param>
    internal async Task PassAsync(bool all, CancellationToken ct)
    {
        var (seen, after) = (new Dictionary<(int, int), Sighting>(), new StaleHour { Device = int.MinValue, Hour = int.MinValue, Version = 0 });
        for (var marks = await MarksAsync(after, ct); marks.Count > 0; marks = await MarksAsync(after, ct))
        {
            after = marks[^1];
            var due = marks.FindAll(mark => all || IsDue(mark, seen));
            foreach (var device in due.GroupBy(mark => mark.Device))
            {
                foreach (var hours in device.Chunk(HoursAtOnce)) await patience.RunAsync(TelemetryFault.Rollup, async token => await RollUpAsync(hours, token), ct);
            }
        }
        _seen = seen;
    }

    private async Task<List<StaleHour>> MarksAsync(StaleHour after, CancellationToken ct)
    {
        var (device, hour) = (after.Device, after.Hour);
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.StaleHours.AsNoTracking()
            .Where(mark => mark.Device >= device && (mark.Device > device || mark.Hour > hour)) // The first condition lets the search begin in the index.
            .OrderBy(mark => mark.Device).ThenBy(mark => mark.Hour).Take(MarksAtOnce).ToListAsync(ct);
    }

    /// <summary>An hour that goes on would be written again and again; readers add its newest readings in the meantime.</summary>
    private bool IsDue(StaleHour mark, Dictionary<(int Device, int Hour), Sighting> seen)
    {
        if (mark.Hour < Hours.Of(EpochTime.ToMicroseconds(clock.GetUtcNow()))) return true;
        var key = (mark.Device, mark.Hour);
        var sighting = _seen.TryGetValue(key, out var known) && known.Version == mark.Version ? known : new Sighting(mark.Version, clock.GetTimestamp());
        seen[key] = sighting;
        return clock.GetElapsedTime(sighting.Since) >= options.RollUpQuiet;
    }

    private async Task RollUpAsync(StaleHour[] marks, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rolled = await RolledHours.ReadAsync(db, marks, ct);
        // Serializable, since two nodes may write two hours of one day: one of them then begins anew.
        await using var transaction = await db.Database.BeginTransactionAsync(System.Data.IsolationLevel.Serializable, ct);
        foreach (var mark in marks)
        {
            var (device, hour, version) = (mark.Device, mark.Hour, mark.Version);
            var taken = await db.StaleHours.Where(stale => stale.Device == device && stale.Hour == hour && stale.Version == version).ExecuteDeleteAsync(ct);
            if (taken == 0) rolled.Leave(hour); // A merge came in between, or another node was faster.
        }
        await rolled.WriteAsync(db, ct);
        await transaction.CommitAsync(ct);
    }

    /// <param name="Version">Of the mark.</param>
    /// <param name="Since">When it was first seen with it, on the clock's timestamp.</param>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Sighting(long Version, long Since);
}
