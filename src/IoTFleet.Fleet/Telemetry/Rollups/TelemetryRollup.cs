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
    /// <summary>Hours of one device that are held until they are written: each may have as many minutes' figures as it has metrics.</summary>
    private const int HoursAtOnce = Hours.PerDay;

    private Dictionary<(int Device, int Hour), Sighting> _seen = [];

    /// <summary>Goes once through all marks.</summary>
    /// <param name="all">Also hours that still go on; otherwise these only once they have been quiet for a while.</param>
    /// <param name="ct">Ends it between two transactions.</param>
    internal async Task PassAsync(bool all, CancellationToken ct)
    {
        var (seen, after) = (new Dictionary<(int, int), Sighting>(), new StaleHour { Device = int.MinValue, Hour = int.MinValue, Version = 0 });
        for (var marks = await MarksAsync(after, ct); marks.Count > 0; marks = await MarksAsync(after, ct))
        {
            after = marks[^1];
            var due = marks.FindAll(mark => all || IsDue(mark, seen));
            if (due.Count > 0) await patience.RunAsync(TelemetryFault.Rollup, async token => await RollUpAsync(due, token), ct);
        }
        _seen = seen;
    }

    private async Task<List<StaleHour>> MarksAsync(StaleHour after, CancellationToken ct)
    {
        var (device, hour) = (after.Device, after.Hour);
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.StaleHours.AsNoTracking()
            .Where(mark => mark.Device >= device && (mark.Device > device || mark.Hour > hour)) // The first condition lets the search begin in the index.
            .OrderBy(mark => mark.Device).ThenBy(mark => mark.Hour).Take(RolledHours.Most).ToListAsync(ct);
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

    /// <summary>Done twice, the second time finds what the first has written, and its marks gone.</summary>
    private async Task RollUpAsync(List<StaleHour> marks, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.Database.OpenConnectionAsync(ct);
        using var statements = new PreparedStatements(db, new InsertPlans());
        var rolled = new RolledHours(db);
        foreach (var device in marks.GroupBy(mark => mark.Device))
        {
            foreach (var hours in device.Chunk(HoursAtOnce))
            {
                rolled.Add(await RolledHour.ReadAsync(statements, hours, ct));
                if (rolled.IsFull) await rolled.WriteAsync(ct);
            }
        }
        await rolled.WriteAsync(ct);
    }

    /// <param name="Version">Of the mark.</param>
    /// <param name="Since">When it was first seen with it, on the clock's timestamp.</param>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Sighting(long Version, long Since);
}
