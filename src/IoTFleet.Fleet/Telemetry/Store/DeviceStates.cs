using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>The devices that send, by id. Used by the ingest's thread alone; the merger gets single states with their messages.</summary>
internal sealed class DeviceStates(IDbContextFactory<TelemetryDbContext> databases, TelemetryOptions options, TimeProvider clock)
{
    /// <summary>Ids asked for in one query; SQL Server takes 2,100 parameters.</summary>
    private const int QuerySize = 1_000;

    private static readonly TimeSpan IdleAfter = TimeSpan.FromHours(1);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, DeviceState> _states = new(StringComparer.Ordinal);
    private long _lastSweep = clock.GetTimestamp();

    internal DeviceState this[string deviceId] => _states[deviceId];

    /// <summary>After it, each of the devices can be asked for.</summary>
    internal async Task LoadAsync(IEnumerable<string> deviceIds, CancellationToken ct)
    {
        var now = clock.GetTimestamp();
        var unknown = new HashSet<string>(StringComparer.Ordinal);
        foreach (var id in deviceIds)
        {
            if (_states.TryGetValue(id, out var state)) state.LastUse = now;
            else unknown.Add(id);
        }
        foreach (var ids in unknown.Chunk(QuerySize)) await LoadUnknownAsync(ids, now, ct);
    }

    private async Task LoadUnknownAsync(string[] ids, long now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Devices.AsNoTracking().Where(device => ids.Contains(device.DeviceId)).ToDictionaryAsync(device => device.DeviceId, ct);
        foreach (var id in ids)
        {
            _states[id] = rows.TryGetValue(id, out var row)
                ? new DeviceState(id, new RecentKeys(options.RepeatWindow, row.Recent)) { Number = row.Number, Latest = LatestValues.FromBytes(row.Latest), LastUse = now }
                : new DeviceState(id, new RecentKeys(options.RepeatWindow)) { LastUse = now };
        }
    }

    /// <summary>Lets go of devices that have been silent for an hour, which by then are in the database as they are here.</summary>
    /// <param name="isWaiting">Whether a device has messages that are not merged.</param>
    internal void Sweep(Func<string, bool> isWaiting)
    {
        if (clock.GetElapsedTime(_lastSweep) < SweepEvery) return;
        _lastSweep = clock.GetTimestamp();
        foreach (var state in _states.Values.Where(state => clock.GetElapsedTime(state.LastUse) > IdleAfter && !isWaiting(state.DeviceId)).ToList())
            _states.Remove(state.DeviceId);
    }
}
