using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

public sealed record RevokeDeviceRequest(string DeviceId, RevocationReason Reason = RevocationReason.Unspecified);

public abstract record RevokeDeviceResult
{
    private RevokeDeviceResult() { }

    /// <summary>Also when it was revoked before, then with no certificate left to revoke.</summary>
    public sealed record Revoked(string DeviceId, int Certificates) : RevokeDeviceResult;
    public sealed record UnknownDevice : RevokeDeviceResult;
    public sealed record Forbidden : RevokeDeviceResult;
}

/// <summary>Shuts a device out for good: it, and every certificate it holds.</summary>
public sealed class RevokeDevice(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, BlockKey keys, AuditTrail audit, FleetMetrics metrics, TimeProvider clock,
    ILogger<RevokeDevice> log)
{
    private const string Action = "device.revoke";

    public async Task<RevokeDeviceResult> RunAsync(Actor actor, RevokeDeviceRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.RevokeDevices))
        {
            await audit.ForbiddenAsync(actor, Action, request.DeviceId, ct);
            return new RevokeDeviceResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (!await ShutOutAsync(db, request.DeviceId, ct))
        {
            var known = await db.Devices.AnyAsync(d => d.Id == request.DeviceId, ct);
            return known ? new RevokeDeviceResult.Revoked(request.DeviceId, 0) : new RevokeDeviceResult.UnknownDevice();
        }
        var certificates = await RevokeCertificatesAsync(db, request, ct);
        feed.Append(db, RevocationKind.DeviceRevoked, request.DeviceId);
        if (request.Reason == RevocationReason.KeyCompromise) await BlockKeysAsync(db, request.DeviceId, ct);
        audit.Done(db, actor, Action, request.DeviceId, $"{request.Reason}, {certificates} certificates");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);

        feed.Announce();
        metrics.CountCertificatesRevoked(certificates);
        FleetLog.DeviceRevoked(log, request.DeviceId, certificates, actor.Name);
        return new RevokeDeviceResult.Revoked(request.DeviceId, certificates);
    }

    /// <summary>Of all it ever had: whoever copied one may have had time to copy the others.</summary>
    private async Task BlockKeysAsync(FleetDbContext db, string id, CancellationToken ct)
    {
        var fingerprints = await db.DeviceKeys.Where(k => k.DeviceId == id).Select(k => k.Fingerprint).ToListAsync(ct);
        await keys.AddAsync(db, fingerprints, $"device {id} revoked: key compromise", ct);
    }

    private async Task<bool> ShutOutAsync(FleetDbContext db, string id, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Devices.Where(d => d.Id == id && d.State != DeviceState.Revoked).ExecuteUpdateAsync(
            set => set.SetProperty(d => d.State, DeviceState.Revoked).SetProperty(d => d.StateChangedAt, now), ct) > 0;
    }

    private Task<int> RevokeCertificatesAsync(FleetDbContext db, RevokeDeviceRequest request, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? reason = request.Reason;
        return db.Certificates.Where(c => c.DeviceId == request.DeviceId && c.RevokedAt == null).ExecuteUpdateAsync(
            set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct);
    }
}
