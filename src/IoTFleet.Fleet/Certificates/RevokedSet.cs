using System.Collections.Immutable;
using IoTFleet.Fleet.Devices;
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

    /// <summary>Loads what the tables say and returns the reader of what comes after. To be done before a node listens.</summary>
    public async Task<RevocationReader> LoadAsync(CancellationToken ct)
    {
        var reader = await feed.StartReaderAsync(ct); // Before the tables: what commits in between is then seen at least once.
        var now = clock.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        var devices = await db.Devices
            .Where(d => d.State == DeviceState.Suspended || d.State == DeviceState.Revoked).Select(d => d.Id).ToListAsync(ct);
        var serials = await db.Certificates
            .Where(c => c.RevokedAt != null && c.NotAfter >= now).Select(c => c.Serial).ToListAsync(ct); // An expired one is refused anyway.
        Volatile.Write(ref _current, new Snapshot(
            devices.ToImmutableHashSet(StringComparer.Ordinal), serials.ToImmutableHashSet(StringComparer.Ordinal)));
        FleetLog.RevokedSetLoaded(log, devices.Count, serials.Count);
        return reader;
    }

    /// <summary>In the order of the feed. Readers see all of it or none.</summary>
    public void Apply(IEnumerable<RevocationEntry> entries)
    {
        var devices = _current.Devices.ToBuilder();
        var serials = _current.Serials.ToBuilder();
        foreach (var entry in entries)
        {
            if (entry.Kind == RevocationKind.DeviceResumed) devices.Remove(entry.DeviceId);
            else if (entry.Kind == RevocationKind.CertificateRevoked) serials.Add(entry.Serial!);
            else devices.Add(entry.DeviceId);
        }
        Volatile.Write(ref _current, new Snapshot(devices.ToImmutable(), serials.ToImmutable()));
    }

    private sealed record Snapshot(ImmutableHashSet<string> Devices, ImmutableHashSet<string> Serials)
    {
        internal static readonly Snapshot Empty = new(
            ImmutableHashSet.Create<string>(StringComparer.Ordinal), ImmutableHashSet.Create<string>(StringComparer.Ordinal));
    }
}
