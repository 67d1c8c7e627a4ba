using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Operators;

/// <param name="Name">Whose it is, 1 to 200 characters; what the audit trail will say.</param>
/// <param name="Role">What it may do.</param>
public sealed record CreateKeyRequest(string Name, Role Role);

public abstract record CreateKeyResult
{
    private CreateKeyResult() { }

    /// <summary>The secret is kept nowhere: this is the one chance to show it.</summary>
    public sealed record Created(ApiKey Key, Secret Secret) : CreateKeyResult;
    public sealed record Invalid(string Problem) : CreateKeyResult;
    public sealed record Forbidden : CreateKeyResult;
}

public sealed class CreateKey(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "key.create";
    private const int MaxName = 200;

    public async Task<CreateKeyResult> RunAsync(Actor actor, CreateKeyRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageOperators))
        {
            await audit.ForbiddenAsync(actor, Action, request.Name, ct);
            return new CreateKeyResult.Forbidden();
        }
        if (request.Name.Length is 0 or > MaxName) return new CreateKeyResult.Invalid($"A key's name has 1 to {MaxName} characters.");
        if (!Enum.IsDefined(request.Role)) return new CreateKeyResult.Invalid("A key's role is Viewer, Operator or Administrator.");

        var secret = Secret.Create(ApiKey.SecretPrefix);
        var key = ApiKey.For(secret, request.Name, request.Role, clock);
        await using var db = await databases.CreateDbContextAsync(ct);
        db.ApiKeys.Add(key);
        audit.Done(db, actor, Action, key.Id, $"{key.Name}, {key.Role}");
        await db.SaveChangesAsync(ct);
        return new CreateKeyResult.Created(key, secret);
    }
}
