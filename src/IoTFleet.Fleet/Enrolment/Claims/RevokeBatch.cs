using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Claims;

public sealed record RevokeBatchRequest(string Id);

public abstract record RevokeBatchResult
{
    private RevokeBatchResult() { }

    /// <param name="Certificates">Claim certificates that became revoked by this.</param>
    /// <param name="Enrolled">Devices it has enrolled; they stay as they are, and can be revoked as the batch's.</param>
    public sealed record Revoked(ClaimBatch Batch, int Certificates, int Enrolled) : RevokeBatchResult;
    public sealed record UnknownBatch : RevokeBatchResult;
    public sealed record Forbidden : RevokeBatchResult;
}

/// <summary>Ends a batch: none of its claim certificates enrols anything from now on. The next request reads the same row, so it holds at once.</summary>
public sealed class RevokeBatch(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "claim.revoke";

    public async Task<RevokeBatchResult> RunAsync(Actor actor, RevokeBatchRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.RevokeDevices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new RevokeBatchResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        DateTimeOffset? now = clock.GetUtcNow();
        await db.ClaimBatches.Where(b => b.Id == request.Id && b.RevokedAt == null).ExecuteUpdateAsync(set => set.SetProperty(b => b.RevokedAt, now), ct);
        if (await db.ClaimBatches.AsNoTracking().SingleOrDefaultAsync(b => b.Id == request.Id, ct) is not { } batch) return new RevokeBatchResult.UnknownBatch();

        RevocationReason? reason = RevocationReason.KeyCompromise;
        var certificates = await db.ClaimCertificates.Where(c => c.BatchId == request.Id && c.RevokedAt == null).ExecuteUpdateAsync(
            set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct);
        audit.Done(db, actor, Action, batch.Id, $"{certificates} claim certificates; {batch.Used} devices enrolled before");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new RevokeBatchResult.Revoked(batch, certificates, batch.Used);
    }
}
