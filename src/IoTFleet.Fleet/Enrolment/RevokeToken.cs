using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment;

public sealed record RevokeTokenRequest(string TokenId);

public abstract record RevokeTokenResult
{
    private RevokeTokenResult() { }

    /// <summary>Also when it was revoked before.</summary>
    public sealed record Revoked : RevokeTokenResult;
    public sealed record UnknownToken : RevokeTokenResult;
    public sealed record Forbidden : RevokeTokenResult;
}

/// <summary>Ends a token. The devices that it enrolled stay.</summary>
public sealed class RevokeToken(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "token.revoke";

    public async Task<RevokeTokenResult> RunAsync(Actor actor, RevokeTokenRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.TokenId, ct);
            return new RevokeTokenResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        DateTimeOffset? now = clock.GetUtcNow();
        var revoked = await db.Tokens.Where(t => t.Id == request.TokenId && t.RevokedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(t => t.RevokedAt, now), ct);
        if (revoked == 0)
        {
            var known = await db.Tokens.AnyAsync(t => t.Id == request.TokenId, ct);
            return known ? new RevokeTokenResult.Revoked() : new RevokeTokenResult.UnknownToken();
        }
        audit.Done(db, actor, Action, request.TokenId);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new RevokeTokenResult.Revoked();
    }
}
