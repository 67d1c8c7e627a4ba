using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

public abstract record FindWebhooksResult
{
    private FindWebhooksResult() { }

    /// <summary>By name.</summary>
    public sealed record Found(IReadOnlyList<Webhook> Webhooks) : FindWebhooksResult;
    public sealed record Forbidden : FindWebhooksResult;
}

public sealed class FindWebhooks(IDbContextFactory<FleetDbContext> databases)
{
    public async Task<FindWebhooksResult> RunAsync(Actor actor, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindWebhooksResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        return new FindWebhooksResult.Found(await db.Webhooks.AsNoTracking().OrderBy(webhook => webhook.Id).Take(RuleLimits.MaxWebhooks).ToListAsync(ct));
    }
}
