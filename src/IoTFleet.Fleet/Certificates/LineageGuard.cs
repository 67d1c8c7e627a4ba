using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// Looks for two holders of one device's key. Who has used a certificate has no more use for the one it replaced; when that one is shown all the same, the
/// device and somebody else have parted ways, and which is which only people can find out: the device is suspended, with whatever either of them holds.
/// </summary>
public sealed class LineageGuard(
    IDbContextFactory<FleetDbContext> databases, FleetWriter writer, RevocationFeed feed, AuditTrail audit, TimeProvider clock, ILogger<LineageGuard> log)
{
    private const string ForkAction = "device.lineage-fork";
    private const string CloneAction = "device.clone-suspect";

    /// <summary>To be asked when a certificate of a device was shown, by whichever door. Costs nothing unless it is superseded.</summary>
    /// <returns>True when its successor had been used: the device is suspended then.</returns>
    public async Task<bool> IsForkAsync(IssuedCertificate certificate, CancellationToken ct) =>
        certificate is { RevokedAt: not null, RevocationReason: RevocationReason.Superseded } && await IsForkAsync(certificate.DeviceId, certificate.Serial, ct);

    /// <param name="deviceId">Whose certificate it is.</param>
    /// <param name="supersededSerial">Of a certificate that is revoked as superseded.</param>
    /// <param name="ct">Stops it.</param>
    public async Task<bool> IsForkAsync(string deviceId, string supersededSerial, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var successor = await db.Certificates
            .Where(c => c.PredecessorSerial == supersededSerial && c.DeviceId == deviceId && c.FirstUsedAt != null).Select(c => c.Serial).FirstOrDefaultAsync(ct);
        if (successor is null) return false;
        var detail = $"certificate {supersededSerial} was shown after its successor {successor} had been used";
        if (await SuspectAsync(deviceId, ForkAction, detail, suspend: true, ct)) FleetLog.LineageForked(log, deviceId, supersededSerial, successor);
        return true;
    }

    /// <summary>Two connections of one identity keep throwing each other out.</summary>
    public async Task OnTakeoversAsync(string deviceId, string detail, ClonePolicy policy, CancellationToken ct)
    {
        if (await SuspectAsync(deviceId, CloneAction, detail, policy == ClonePolicy.Suspend, ct)) FleetLog.CloneSuspected(log, deviceId, detail, policy);
    }

    /// <returns>False when it was known before.</returns>
    private async Task<bool> SuspectAsync(string deviceId, string action, string detail, bool suspend, CancellationToken ct)
    {
        var changed = await writer.RunAsync(
            async (db, stop) =>
            {
                DateTimeOffset? now = clock.GetUtcNow();
                var suspected = await db.Devices.Where(d => d.Id == deviceId && d.CloneSuspectedAt == null).ExecuteUpdateAsync(set => set.SetProperty(d => d.CloneSuspectedAt, now), stop) > 0;
                var suspended = suspend && await SuspendAsync(db, deviceId, now.Value, stop);
                if (suspected || suspended) audit.Done(db, Actor.System, action, deviceId, suspended ? detail + "; suspended" : detail);
                return (Any: suspected || suspended, Suspended: suspended);
            },
            ct);
        if (changed.Suspended) feed.Announce();
        return changed.Any;
    }

    private async Task<bool> SuspendAsync(FleetDbContext db, string deviceId, DateTimeOffset now, CancellationToken ct)
    {
        var suspended = await db.Devices.Where(d => d.Id == deviceId && d.State == DeviceState.Active)
            .ExecuteUpdateAsync(set => set.SetProperty(d => d.State, DeviceState.Suspended).SetProperty(d => d.StateChangedAt, now), ct) > 0;
        if (suspended) feed.Append(db, RevocationKind.DeviceSuspended, deviceId);
        return suspended;
    }
}
