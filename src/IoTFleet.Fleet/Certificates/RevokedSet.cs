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
    /// <summary>An expired certificate is refused anyway, except that it may be renewed within its group's days of grace.</summary>
    private static readonly TimeSpan LongestGrace = TimeSpan.FromDays(366);

    private readonly SipHash _hash = SipHash.WithNewKey();
    private Snapshot _current = Snapshot.Empty;

    /// <summary>Blocked devices, certificates and keys: what may be many.</summary>
    public int Count => Volatile.Read(ref _current).Count;

    /// <summary>Memory of those.</summary>
    public long Bytes => Volatile.Read(ref _current).Bytes;

    public bool IsBlocked(in CertificateFacts facts) => FindBlock(facts) != Block.None;

    /// <summary>What of the certificate is blocked, the nearest first.</summary>
    public Block FindBlock(in CertificateFacts facts)
    {
        var current = Volatile.Read(ref _current);
        if (facts.DeviceId.Length > 0 && current.Devices.Contains(_hash.Of(facts.DeviceId))) return Block.Device;
        if (current.Certificates.Contains(_hash.Of(facts.IssuerId, facts.Serial))) return Block.Certificate;
        if (current.Serials.Count > 0 && current.Serials.Contains(_hash.Of(facts.Serial))) return Block.Certificate;
        if (current.Keys.Count > 0 && current.Keys.Contains(_hash.Of(facts.KeyFingerprint))) return Block.Key;
        if (facts.BatchId is { } batch && current.BatchesOf(facts).Contains(batch)) return Block.Batch;
        return current.Authorities.Contains(facts.IssuerId) ? Block.Authority : Block.None;
    }

    public bool IsServiceBlocked(string name) => Volatile.Read(ref _current).Services.Contains(name);

    /// <summary>Loads what the tables say and returns the reader of what comes after. To be done before a node listens.</summary>
    /// <param name="inForce">The newest entry that this node has ever put into force; null to believe the database.</param>
    /// <exception cref="RevocationsRolledBackException">That entry is not in the database.</exception>
    public async Task<RevocationReader> LoadAsync(CancellationToken ct, RevocationMark? inForce = null)
    {
        var reader = await feed.StartReaderAsync(inForce, ct); // Before the tables: what commits in between is then seen at least once.
        await using var db = await databases.CreateDbContextAsync(ct);
        var next = new Changes(Snapshot.Empty, _hash);
        await LoadManyAsync(db, next, ct);
        await LoadFewAsync(db, next, ct);
        var loaded = next.ToSnapshot();
        Volatile.Write(ref _current, loaded);
        FleetLog.RevokedSetLoaded(log, loaded.Devices.Count, loaded.Services.Count, loaded.Certificates.Count + loaded.Serials.Count, loaded.Keys.Count, loaded.Bytes / 1024);
        return reader;
    }

    /// <summary>In the order of the feed. Readers see all of it or none.</summary>
    public void Apply(IEnumerable<RevocationEntry> entries)
    {
        var next = new Changes(_current, _hash);
        foreach (var entry in entries) next.Apply(entry);
        Volatile.Write(ref _current, next.ToSnapshot());
    }

    private async Task LoadManyAsync(FleetDbContext db, Changes next, CancellationToken ct)
    {
        var since = clock.GetUtcNow() - LongestGrace;
        var devices = db.Devices.Where(d => d.State == DeviceState.Suspended || d.State == DeviceState.Revoked).Select(d => d.Id);
        await foreach (var device in devices.AsAsyncEnumerable().WithCancellation(ct)) next.Device(device, blocked: true);
        var certificates = db.Certificates.Where(c => (c.RevokedAt != null || c.HeldAt != null) && c.NotAfter >= since).Select(c => new { c.IssuerId, c.Serial });
        await foreach (var one in certificates.AsAsyncEnumerable().WithCancellation(ct)) next.Certificate(one.IssuerId, one.Serial, blocked: true);
        var ofServices = db.ServiceCertificates.Where(c => c.RevokedAt != null && c.NotAfter >= since).Select(c => new { c.IssuerId, c.Serial });
        await foreach (var one in ofServices.AsAsyncEnumerable().WithCancellation(ct)) next.Certificate(one.IssuerId, one.Serial, blocked: true);
        var claims = db.ClaimCertificates.Where(c => c.RevokedAt != null && c.NotAfter >= since).Select(c => new { c.IssuerId, c.Serial });
        await foreach (var one in claims.AsAsyncEnumerable().WithCancellation(ct)) next.Certificate(one.IssuerId, one.Serial, blocked: true);
        await foreach (var key in db.BlockedKeys.Select(k => k.Fingerprint).AsAsyncEnumerable().WithCancellation(ct)) next.Key(key);
    }

    private static async Task LoadFewAsync(FleetDbContext db, Changes next, CancellationToken ct)
    {
        next.Services.UnionWith(await db.Services.Where(s => s.State == ServiceState.Revoked).Select(s => s.Name).ToListAsync(ct));
        next.Claims.UnionWith(await db.ClaimBatches.Where(b => b.RevokedAt != null || b.HeldAt != null).Select(b => b.Id).ToListAsync(ct));
        next.Batches.UnionWith(await db.ClaimBatches.Where(b => b.DevicesRevokedAt != null || b.DevicesHeldAt != null).Select(b => b.Id).ToListAsync(ct));
        next.Authorities.UnionWith(await db.Authorities.Where(a => a.RevokedAt != null).Select(a => a.Id).ToListAsync(ct));
    }

    private static ImmutableHashSet<string> Set(IEnumerable<string> names) => names.ToImmutableHashSet(StringComparer.Ordinal);

    /// <param name="Certificates">By issuer and serial number.</param>
    /// <param name="Serials">By serial number alone, where the issuer was not written down.</param>
    /// <param name="Claims">Batches whose claim certificates are blocked.</param>
    /// <param name="Batches">Batches whose devices are.</param>
    private sealed record Snapshot(
        KeySet Devices, KeySet Certificates, KeySet Serials, KeySet Keys,
        ImmutableHashSet<string> Services, ImmutableHashSet<string> Claims, ImmutableHashSet<string> Batches, ImmutableHashSet<string> Authorities)
    {
        internal static readonly Snapshot Empty = new(KeySet.Empty, KeySet.Empty, KeySet.Empty, KeySet.Empty, Set([]), Set([]), Set([]), Set([]));

        internal int Count => Devices.Count + Certificates.Count + Serials.Count + Keys.Count;

        internal long Bytes => Devices.Bytes + Certificates.Bytes + Serials.Bytes + Keys.Bytes;

        internal ImmutableHashSet<string> BatchesOf(in CertificateFacts facts) => facts.DeviceId.Length > 0 ? Batches : Claims;
    }

    private sealed class Changes(Snapshot from, SipHash hash)
    {
        private readonly KeySet.Builder _devices = from.Devices.ToBuilder();
        private readonly KeySet.Builder _certificates = from.Certificates.ToBuilder();
        private readonly KeySet.Builder _serials = from.Serials.ToBuilder();
        private readonly KeySet.Builder _keys = from.Keys.ToBuilder();

        internal ImmutableHashSet<string>.Builder Services { get; } = from.Services.ToBuilder();
        internal ImmutableHashSet<string>.Builder Claims { get; } = from.Claims.ToBuilder();
        internal ImmutableHashSet<string>.Builder Batches { get; } = from.Batches.ToBuilder();
        internal ImmutableHashSet<string>.Builder Authorities { get; } = from.Authorities.ToBuilder();

        internal void Apply(RevocationEntry entry)
        {
            switch (entry.Kind)
            {
                case RevocationKind.DeviceRevoked or RevocationKind.DeviceSuspended: Device(entry.Subject, blocked: true); break;
                case RevocationKind.DeviceResumed: Device(entry.Subject, blocked: false); break;
                case RevocationKind.CertificateRevoked or RevocationKind.CertificateSuspended: Certificate(entry.IssuerId, entry.Serial!, blocked: true); break;
                case RevocationKind.CertificateResumed: Certificate(entry.IssuerId, entry.Serial!, blocked: false); break;
                case RevocationKind.KeyRevoked: Key(entry.Subject); break;
                case RevocationKind.ServiceRevoked: Services.Add(entry.Subject); break;
                case RevocationKind.BatchRevoked or RevocationKind.BatchSuspended: Claims.Add(entry.Subject); break;
                case RevocationKind.BatchResumed: Claims.Remove(entry.Subject); break;
                case RevocationKind.BatchDevicesRevoked or RevocationKind.BatchDevicesSuspended: Batches.Add(entry.Subject); break;
                case RevocationKind.BatchDevicesResumed: Batches.Remove(entry.Subject); break;
                case RevocationKind.AuthorityRevoked: Authorities.Add(entry.Subject); break;
                default: throw new InvalidOperationException($"Nobody knows how to apply {entry.Kind}.");
            }
        }

        internal void Device(string id, bool blocked) => Set(_devices, hash.Of(id), blocked);

        internal void Certificate(string? issuerId, string serial, bool blocked)
        {
            if (string.IsNullOrEmpty(issuerId)) Set(_serials, hash.Of(serial), blocked);
            else Set(_certificates, hash.Of(issuerId, serial), blocked);
        }

        internal void Key(string fingerprint) => _keys.Add(hash.Of(fingerprint));

        internal Snapshot ToSnapshot() => new(
            _devices.ToSet(), _certificates.ToSet(), _serials.ToSet(), _keys.ToSet(),
            Services.ToImmutable(), Claims.ToImmutable(), Batches.ToImmutable(), Authorities.ToImmutable());

        private static void Set(KeySet.Builder set, UInt128 key, bool blocked)
        {
            if (blocked) set.Add(key);
            else set.Remove(key);
        }
    }
}
