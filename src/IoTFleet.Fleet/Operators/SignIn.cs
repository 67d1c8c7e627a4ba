using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Operators;

/// <summary>Turns an operator's credential into an actor. A door, so it takes none.</summary>
public sealed class SignIn(IDbContextFactory<FleetDbContext> databases)
{
    /// <summary>Null when the key is unknown or revoked; which of the two is nobody's business.</summary>
    public async Task<Actor?> WithKeyAsync(string secret, CancellationToken ct)
    {
        var hash = Secret.HashOf(secret);
        await using var db = await databases.CreateDbContextAsync(ct);
        var key = await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.SecretHash == hash && k.RevokedAt == null, ct);
        return key is not null && Secret.Matches(key.SecretHash, secret) ? Actor.Operator(key.Name, key.Role) : null;
    }
}
