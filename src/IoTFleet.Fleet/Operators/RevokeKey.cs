using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Operators;

public sealed record RevokeKeyRequest(string KeyId);

public abstract record RevokeKeyResult
{
    private RevokeKeyResult() { }

    /// <summary>Also when it was revoked before.</summary>
    public sealed record Revoked : RevokeKeyResult;

    /// <summary>It is the only administrator's key left, and without one nobody could make another.</summary>
    public sealed record LastAdministrator : RevokeKeyResult;
    public sealed record UnknownKey : RevokeKeyResult;
    public sealed record Forbidden : RevokeKeyResult;
}

public sealed class RevokeKey(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "key.revoke";

    public async Task<RevokeKeyResult> RunAsync(Actor actor, RevokeKeyRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageOperators))
        {
            await audit.ForbiddenAsync(actor, Action, request.KeyId, ct);
            return new RevokeKeyResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        DateTimeOffset? now = clock.GetUtcNow();
        var revoked = await db.ApiKeys.Where(k => k.Id == request.KeyId && k.RevokedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(k => k.RevokedAt, now), ct);
        if (revoked == 0)
        {
            var known = await db.ApiKeys.AnyAsync(k => k.Id == request.KeyId, ct);
            return known ? new RevokeKeyResult.Revoked() : new RevokeKeyResult.UnknownKey();
        }
        if (!await db.ApiKeys.AnyAsync(k => k.Role == Role.Administrator && k.RevokedAt == null, ct))
            return new RevokeKeyResult.LastAdministrator(); // Leaving without a commit takes the change back.

        audit.Done(db, actor, Action, request.KeyId);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new RevokeKeyResult.Revoked();
    }
}
