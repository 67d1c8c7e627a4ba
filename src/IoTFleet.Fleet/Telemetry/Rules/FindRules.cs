using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">Only this one; null for all.</param>
public sealed record FindRulesRequest(string? Id = null);

public abstract record FindRulesResult
{
    private FindRulesResult() { }

    /// <summary>By name.</summary>
    public sealed record Found(IReadOnlyList<Rule> Rules) : FindRulesResult;
    public sealed record Forbidden : FindRulesResult;
}

public sealed class FindRules(IDbContextFactory<FleetDbContext> databases)
{
    public async Task<FindRulesResult> RunAsync(Actor actor, FindRulesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindRulesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var rules = db.Rules.AsNoTracking().Where(rule => request.Id == null || rule.Id == request.Id);
        return new FindRulesResult.Found(await rules.OrderBy(rule => rule.Id).Take(RuleLimits.MaxRules).ToListAsync(ct));
    }
}
