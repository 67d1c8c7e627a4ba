using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment;

/// <param name="Limit">The newest so many, 1 to 1,000; what is outside is brought inside.</param>
public sealed record FindTokensRequest(int Limit = 1_000);

public abstract record FindTokensResult
{
    private FindTokensResult() { }

    /// <summary>Newest first, also those expired, used up or revoked.</summary>
    public sealed record Found(IReadOnlyList<EnrolmentToken> Tokens) : FindTokensResult;
    public sealed record Forbidden : FindTokensResult;
}

public sealed class FindTokens(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1_000;

    public async Task<FindTokensResult> RunAsync(Actor actor, FindTokensRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens)) return new FindTokensResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var tokens = await db.Tokens.AsNoTracking().OrderByDescending(t => t.Id).Take(limit).ToListAsync(ct); // Ids rise with time.
        return new FindTokensResult.Found(tokens);
    }
}
