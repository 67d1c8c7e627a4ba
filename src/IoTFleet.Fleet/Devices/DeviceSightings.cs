using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Devices;

/// <summary>
/// When devices were last here and which trust bundle they said they hold, gathered in memory and written now and then: a connection does not wait for it,
/// and a fleet that comes back at once costs a few transactions. What a crash loses is said again at the next connection.
/// </summary>
public sealed class DeviceSightings(FleetWriter writer, TimeProvider clock, ILogger<DeviceSightings> log)
{
    /// <summary>Devices waiting to be written; one more is not noted, it comes again.</summary>
    internal const int MaxWaiting = 200_000;
    private const int DevicesInAUnit = 200;

    private readonly ConcurrentDictionary<string, Sighting> _waiting = new(StringComparer.Ordinal);

    /// <param name="deviceId">A device that was let in.</param>
    /// <param name="bundleVersion">As it said; null when it said nothing, which leaves what it said before.</param>
    public void Saw(string deviceId, long? bundleVersion)
    {
        if (_waiting.Count >= MaxWaiting && !_waiting.ContainsKey(deviceId)) return;
        var now = clock.GetUtcNow();
        _waiting.AddOrUpdate(deviceId, static (_, seen) => seen, static (_, before, seen) => seen with { BundleVersion = seen.BundleVersion ?? before.BundleVersion }, new Sighting(now, bundleVersion));
    }

    /// <summary>Everything noted before the call is stored when it returns, or is still waiting when the database failed.</summary>
    public async Task WriteAsync(CancellationToken ct)
    {
        foreach (var some in _waiting.ToArray().Chunk(DevicesInAUnit))
        {
            try
            {
                await writer.RunAsync((db, inner) => StoreAsync(db, some, inner), ct);
            }
            catch (Exception error) when (error is not (OperationCanceledException or FleetStoppingException))
            {
                FleetLog.SightingsNotStored(log, some.Length, error);
                return;
            }
            foreach (var seen in some) _waiting.TryRemove(seen); // Unless it was seen again meanwhile.
        }
    }

    private static async Task<bool> StoreAsync(FleetDbContext db, KeyValuePair<string, Sighting>[] devices, CancellationToken ct)
    {
        foreach (var (id, (at, bundle)) in devices)
        {
            DateTimeOffset? seenAt = at;
            if (bundle is null) await db.Devices.Where(d => d.Id == id).ExecuteUpdateAsync(set => set.SetProperty(d => d.LastConnectedAt, seenAt), ct);
            else await db.Devices.Where(d => d.Id == id).ExecuteUpdateAsync(set => set.SetProperty(d => d.LastConnectedAt, seenAt).SetProperty(d => d.TrustBundleVersion, bundle), ct);
        }
        return true;
    }

    private readonly record struct Sighting(DateTimeOffset At, long? BundleVersion);
}
