using System.Collections.Immutable;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Services;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// Who may not connect, in memory, for the places that cannot wait for a database: the handshake and the last check of a CONNECT.
/// An immutable snapshot, swapped whole by its one writer, the watch of the feed. Applying an entry twice is harmless.
/// </summary>
public sealed class RevokedSet(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, TimeProvider clock, ILogger<RevokedSet> log)
{
    private Snapshot _current = Snapshot.Empty;

    public bool IsBlocked(string deviceId, string serial)
    {
        var current = Volatile.Read(ref _current);
        return current.Devices.Contains(deviceId) || current.Serials.Contains(serial);
    }

    public bool IsServiceBlocked(string name) => Volatile.Read(ref _current).Services.Contains(name);

    /// <summary>Loads what the tables say and returns the reader of what comes after. To be done before a node listens.</summary>
    public async Task<RevocationReader> LoadAsync(CancellationToken ct)
    {
        var reader = await feed.StartReaderAsync(ct); // Before the tables: what commits in between is then seen at least once.
        var now = clock.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        var devices = await db.Devices
            .Where(d => d.State == DeviceState.Suspended || d.State == DeviceState.Revoked).Select(d => d.Id).ToListAsync(ct);
        var services = await db.Services.Where(s => s.State == ServiceState.Revoked).Select(s => s.Name).ToListAsync(ct);
        var serials = await db.Certificates
            .Where(c => c.RevokedAt != null && c.NotAfter >= now).Select(c => c.Serial).ToListAsync(ct); // An expired one is refused anyway.
        Volatile.Write(ref _current, new Snapshot(Set(devices), Set(services), Set(serials)));
        FleetLog.RevokedSetLoaded(log, devices.Count, services.Count, serials.Count);
        return reader;
    }

    /// <summary>In the order of the feed. Readers see all of it or none.</summary>
    public void Apply(IEnumerable<RevocationEntry> entries)
    {
        var devices = _current.Devices.ToBuilder();
        var services = _current.Services.ToBuilder();
        var serials = _current.Serials.ToBuilder();
        foreach (var entry in entries)
        {
            switch (entry.Kind)
            {
                case RevocationKind.DeviceResumed: devices.Remove(entry.Subject); break;
                case RevocationKind.CertificateRevoked: serials.Add(entry.Serial!); break;
                case RevocationKind.ServiceRevoked: services.Add(entry.Subject); break;
                default: devices.Add(entry.Subject); break;
            }
        }
        Volatile.Write(ref _current, new Snapshot(devices.ToImmutable(), services.ToImmutable(), serials.ToImmutable()));
    }

    private static ImmutableHashSet<string> Set(IEnumerable<string> names) => names.ToImmutableHashSet(StringComparer.Ordinal);

    private sealed record Snapshot(ImmutableHashSet<string> Devices, ImmutableHashSet<string> Services, ImmutableHashSet<string> Serials)
    {
        internal static readonly Snapshot Empty = new(Set([]), Set([]), Set([]));
    }
}
