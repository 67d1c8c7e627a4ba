using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Operators;

public sealed record CreateFirstKeyRequest(string Name);

public abstract record CreateFirstKeyResult
{
    private CreateFirstKeyResult() { }

    /// <summary>The secret is kept nowhere: this is the one chance to show it.</summary>
    public sealed record Created(ApiKey Key, Secret Secret) : CreateFirstKeyResult;
    public sealed record AlreadyThere : CreateFirstKeyResult;
    public sealed record Forbidden : CreateFirstKeyResult;
}

/// <summary>The administrator's key of a new fleet; made only while there is no usable administrator's key.</summary>
public sealed class CreateFirstKey(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "key.create-first";

    public async Task<CreateFirstKeyResult> RunAsync(Actor actor, CreateFirstKeyRequest request, CancellationToken ct)
    {
        if (actor.Kind != ActorKind.System) return new CreateFirstKeyResult.Forbidden(); // Nobody comes in before the first key.
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.ApiKeys.AnyAsync(k => k.Role == Role.Administrator && k.RevokedAt == null, ct)) return new CreateFirstKeyResult.AlreadyThere();

        var secret = Secret.Create(ApiKey.SecretPrefix);
        var key = ApiKey.For(secret, request.Name, Role.Administrator, clock);
        db.ApiKeys.Add(key);
        audit.Done(db, actor, Action, key.Id, key.Name);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new CreateFirstKeyResult.Created(key, secret);
    }
}
