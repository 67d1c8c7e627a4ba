using System.Text.Json;
using System.Text.Json.Serialization;
using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

public enum ManyAction { Revoke, Suspend, Resume }

/// <summary>
/// What is done to many devices at once. In stretches, each a transaction of its own: one transaction for ten thousand devices would hold up
/// the telemetry of all the others, and the first of them are shut out before the last are looked at.
/// </summary>
public sealed partial class ManyDevices(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, BlockKey keys, AuditTrail audit, FleetMetrics metrics, TimeProvider clock)
{
    private const int Stretch = 500;

    /// <summary>The ids of those who fit and whom the action would change, in their order.</summary>
    internal async Task<IReadOnlyList<string>> FindAsync(RevocationTarget target, ManyAction action, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (target.Ids is null) return await Matching(db, target, action).OrderBy(id => id).ToListAsync(ct);
        var found = new List<string>();
        foreach (var some in target.Ids.Distinct().Chunk(Stretch)) found.AddRange(await Matching(db, target, action).Where(id => some.Contains(id)).ToListAsync(ct));
        found.Sort(StringComparer.Ordinal);
        return found;
    }

    /// <summary>Ids on the list that are of no device.</summary>
    internal async Task<IReadOnlyList<string>> UnknownAsync(RevocationTarget target, CancellationToken ct)
    {
        if (target.Ids is null) return [];
        await using var db = await databases.CreateDbContextAsync(ct);
        var unknown = new List<string>();
        foreach (var some in target.Ids.Distinct().Chunk(Stretch))
            unknown.AddRange(some.Except(await db.Devices.Where(d => some.Contains(d.Id)).Select(d => d.Id).ToListAsync(ct)));
        return unknown;
    }

    /// <returns>Certificates revoked.</returns>
    internal async Task<int> ChangeAsync(
        Actor actor, ManyAction action, RevocationTarget target, RevocationReason reason, IReadOnlyList<string> ids, CancellationToken ct)
    {
        if (target.IsWholeBatch) await ChangeBatchAsync(target.Batch!, action, ct); // In force at once; the rows follow.
        if (target.IsWholeBatch && action != ManyAction.Revoke)
        {
            await WriteDownAsync(actor, action, target, ids.Count, ct);
            return 0;
        }
        var certificates = 0;
        foreach (var some in ids.Chunk(Stretch)) certificates += await ChangeAsync(actor, action, reason, some, ct);
        await WriteDownAsync(actor, action, target, ids.Count, ct);
        metrics.CountCertificatesRevoked(certificates);
        return certificates;
    }

    internal static string ToJson(RevocationTarget target) => JsonSerializer.Serialize(target, Json.Default.RevocationTarget);

    internal static string ToJson(IReadOnlyList<string> ids) => JsonSerializer.Serialize(ids, Json.Default.IReadOnlyListString);

    internal static RevocationTarget TargetOf(string json) => JsonSerializer.Deserialize(json, Json.Default.RevocationTarget)!;

    internal static IReadOnlyList<string> IdsOf(string json) => JsonSerializer.Deserialize(json, Json.Default.IReadOnlyListString)!;

    private IQueryable<string> Matching(FleetDbContext db, RevocationTarget target, ManyAction action)
    {
        var now = clock.GetUtcNow();
        var devices = action switch
        {
            ManyAction.Revoke => db.Devices.Where(d => d.State != DeviceState.Revoked),
            ManyAction.Resume when target.IsWholeBatch => db.Devices.Where(d => d.State != DeviceState.Revoked),
            ManyAction.Resume => db.Devices.Where(d => d.State == DeviceState.Suspended),
            _ => db.Devices.Where(d => d.State == DeviceState.Active || d.State == DeviceState.Registered),
        };
        if (target.Group is { } group) devices = devices.Where(d => d.GroupId == group);
        if (target.Tag is { } tag) devices = devices.Where(d => d.Tags.Contains(tag));
        if (target is { Batch: null, Authority: null, IssuedFrom: null, IssuedTo: null }) return devices.Select(d => d.Id);

        var certificates = db.Certificates.Where(c => c.RevokedAt == null && c.NotAfter >= now);
        if (target.Batch is { } batch) certificates = certificates.Where(c => c.BatchId == batch);
        if (target.Authority is { } authority) certificates = certificates.Where(c => c.IssuerId == authority);
        if (target.IssuedFrom is { } from) certificates = certificates.Where(c => c.NotBefore >= from);
        if (target.IssuedTo is { } to) certificates = certificates.Where(c => c.NotBefore < to);
        return devices.Where(d => certificates.Any(c => c.DeviceId == d.Id)).Select(d => d.Id);
    }

    private async Task ChangeBatchAsync(string batch, ManyAction action, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var rows = db.ClaimBatches.Where(b => b.Id == batch);
        var (kind, changed) = action switch
        {
            ManyAction.Revoke => (RevocationKind.BatchDevicesRevoked, await rows.ExecuteUpdateAsync(set => set.SetProperty(b => b.DevicesRevokedAt, now), ct)),
            ManyAction.Suspend => (RevocationKind.BatchDevicesSuspended, await rows.ExecuteUpdateAsync(set => set.SetProperty(b => b.DevicesHeldAt, now), ct)),
            _ => (RevocationKind.BatchDevicesResumed, await rows.Where(b => b.DevicesRevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(b => b.DevicesHeldAt, (DateTimeOffset?)null), ct)),
        };
        if (changed > 0) feed.Append(db, kind, batch);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        feed.Announce();
    }

    private async Task<int> ChangeAsync(Actor actor, ManyAction action, RevocationReason reason, string[] ids, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var changed = await ChangeStatesAsync(db, action, ids, ct);
        var certificates = action == ManyAction.Revoke ? await RevokeCertificatesAsync(db, changed, reason, ct) : 0;
        var kind = action switch
        {
            ManyAction.Revoke => RevocationKind.DeviceRevoked,
            ManyAction.Suspend => RevocationKind.DeviceSuspended,
            _ => RevocationKind.DeviceResumed,
        };
        foreach (var id in changed)
        {
            feed.Append(db, kind, id);
            audit.Done(db, actor, $"device.{action.ToString().ToLowerInvariant()}", id, $"{reason}, one of many");
        }
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        feed.Announce();
        return certificates;
    }

    private async Task<List<string>> ChangeStatesAsync(FleetDbContext db, ManyAction action, string[] ids, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var fitting = action switch
        {
            ManyAction.Revoke => db.Devices.Where(d => ids.Contains(d.Id) && d.State != DeviceState.Revoked),
            ManyAction.Resume => db.Devices.Where(d => ids.Contains(d.Id) && d.State == DeviceState.Suspended),
            _ => db.Devices.Where(d => ids.Contains(d.Id) && (d.State == DeviceState.Active || d.State == DeviceState.Registered)),
        };
        var changed = await fitting.OrderBy(d => d.Id).Select(d => d.Id).ToListAsync(ct);
        if (action != ManyAction.Resume)
        {
            var state = action == ManyAction.Revoke ? DeviceState.Revoked : DeviceState.Suspended;
            await fitting.ExecuteUpdateAsync(set => set.SetProperty(d => d.State, state).SetProperty(d => d.StateChangedAt, now), ct);
            return changed;
        }
        await fitting.Where(d => db.Certificates.Any(c => c.DeviceId == d.Id))
            .ExecuteUpdateAsync(set => set.SetProperty(d => d.State, DeviceState.Active).SetProperty(d => d.StateChangedAt, now), ct);
        await fitting.ExecuteUpdateAsync(set => set.SetProperty(d => d.State, DeviceState.Registered).SetProperty(d => d.StateChangedAt, now), ct);
        return changed;
    }

    private async Task<int> RevokeCertificatesAsync(FleetDbContext db, List<string> ids, RevocationReason why, CancellationToken ct)
    {
        if (why == RevocationReason.KeyCompromise)
        {
            var compromised = await db.DeviceKeys.Where(k => ids.Contains(k.DeviceId)).Select(k => k.Fingerprint).ToListAsync(ct);
            await keys.AddAsync(db, compromised, "device revoked: key compromise", ct);
        }
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? reason = why;
        return await db.Certificates.Where(c => ids.Contains(c.DeviceId) && c.RevokedAt == null).ExecuteUpdateAsync(
            set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct);
    }

    private async Task WriteDownAsync(Actor actor, ManyAction action, RevocationTarget target, int count, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        audit.Done(db, actor, $"devices.{action.ToString().ToLowerInvariant()}", RevokeMany.Describe(target), $"{count} devices");
        await db.SaveChangesAsync(ct);
    }

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(RevocationTarget))]
    [JsonSerializable(typeof(IReadOnlyList<string>))]
    private sealed partial class Json : JsonSerializerContext;
}
