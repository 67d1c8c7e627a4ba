using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Operators;

/// <summary>An operator at the door, and the key that let them in.</summary>
public sealed record SignedIn(string KeyId, Actor Actor)
{
    internal static SignedIn By(ApiKey key) => new(key.Id, Actor.Operator(key.Name, key.Role));
}

/// <summary>Turns an operator's credential into an actor. A door, so it takes none.</summary>
public sealed class SignIn(IDbContextFactory<FleetDbContext> databases)
{
    /// <summary>Null when the key is unknown or revoked; which of the two is nobody's business.</summary>
    public async Task<SignedIn?> WithKeyAsync(string secret, CancellationToken ct)
    {
        var hash = Secret.HashOf(secret);
        await using var db = await databases.CreateDbContextAsync(ct);
        var key = await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.SecretHash == hash && k.RevokedAt == null, ct);
        return key is not null && Secret.Matches(key.SecretHash, secret) ? SignedIn.By(key) : null;
    }

    /// <summary>For a session that began with a key: null once that key is revoked.</summary>
    public async Task<SignedIn?> AgainAsync(string keyId, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var key = await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.Id == keyId && k.RevokedAt == null, ct);
        return key is null ? null : SignedIn.By(key);
    }
}
