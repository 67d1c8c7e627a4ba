using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

public enum BatchChange { Revoke, Suspend, Resume }

public sealed record ChangeBatchRequest(string BatchId, BatchChange Change, RevocationReason Reason = RevocationReason.Unspecified);

public abstract record ChangeBatchResult
{
    private ChangeBatchResult() { }

    /// <param name="Certificates">Claim certificates revoked by this.</param>
    /// <param name="Devices">Devices that were enrolled through it so far, which this does not touch.</param>
    public sealed record Done(ClaimBatch Batch, bool Changed, int Certificates, int Devices) : ChangeBatchResult;
    public sealed record AlreadyRevoked : ChangeBatchResult;
    public sealed record UnknownBatch : ChangeBatchResult;
    public sealed record Forbidden : ChangeBatchResult;
}

/// <summary>Revokes, suspends or resumes a batch's claim certificates: nobody enrols with them from now on. The devices are <see cref="RevokeMany"/>'s.</summary>
public sealed class ChangeBatch(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, AuditTrail audit, FleetMetrics metrics, TimeProvider clock, ILogger<ChangeBatch> log)
{
    public async Task<ChangeBatchResult> RunAsync(Actor actor, ChangeBatchRequest request, CancellationToken ct)
    {
        var action = $"batch.{request.Change.ToString().ToLowerInvariant()}";
        if (!actor.May(request.Change == BatchChange.Revoke ? Permission.RevokeDevices : Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, action, request.BatchId, ct);
            return new ChangeBatchResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var changed = await ChangeAsync(db, request, ct) > 0;
        var certificates = changed && request.Change == BatchChange.Revoke ? await RevokeClaimsAsync(db, request, ct) : 0;
        var batch = await db.ClaimBatches.AsNoTracking().SingleOrDefaultAsync(b => b.Id == request.BatchId, ct);
        if (batch is null) return new ChangeBatchResult.UnknownBatch();
        if (!changed && batch.RevokedAt is not null && request.Change != BatchChange.Revoke) return new ChangeBatchResult.AlreadyRevoked();
        var devices = await db.Certificates.Where(c => c.BatchId == request.BatchId).Select(c => c.DeviceId).Distinct().CountAsync(ct);
        if (!changed) return new ChangeBatchResult.Done(batch, false, 0, devices);
        feed.Append(db, KindOf(request.Change), batch.Id);
        audit.Done(db, actor, action, batch.Id, $"{certificates} claim certificates revoked, {devices} devices enrolled so far");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);

        feed.Announce();
        metrics.CountCertificatesRevoked(certificates);
        FleetLog.BatchChanged(log, batch.Id, request.Change, certificates, actor.Name);
        return new ChangeBatchResult.Done(batch, true, certificates, devices);
    }

    private static RevocationKind KindOf(BatchChange change) => change switch
    {
        BatchChange.Revoke => RevocationKind.BatchRevoked,
        BatchChange.Suspend => RevocationKind.BatchSuspended,
        _ => RevocationKind.BatchResumed,
    };

    private async Task<int> ChangeAsync(FleetDbContext db, ChangeBatchRequest request, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        var batch = db.ClaimBatches.Where(b => b.Id == request.BatchId && b.RevokedAt == null);
        return request.Change switch
        {
            BatchChange.Revoke => await batch.ExecuteUpdateAsync(set => set.SetProperty(b => b.RevokedAt, now), ct),
            BatchChange.Suspend => await batch.Where(b => b.HeldAt == null).ExecuteUpdateAsync(set => set.SetProperty(b => b.HeldAt, now), ct),
            _ => await batch.Where(b => b.HeldAt != null).ExecuteUpdateAsync(set => set.SetProperty(b => b.HeldAt, (DateTimeOffset?)null), ct),
        };
    }

    private Task<int> RevokeClaimsAsync(FleetDbContext db, ChangeBatchRequest request, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? reason = request.Reason;
        return db.ClaimCertificates.Where(c => c.BatchId == request.BatchId && c.RevokedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct);
    }
}
