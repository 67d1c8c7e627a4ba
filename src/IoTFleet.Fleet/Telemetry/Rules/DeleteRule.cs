using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

public sealed record DeleteRuleRequest(string Id);

public abstract record DeleteRuleResult
{
    private DeleteRuleResult() { }

    public sealed record Deleted : DeleteRuleResult;
    public sealed record UnknownRule : DeleteRuleResult;
    public sealed record Forbidden : DeleteRuleResult;
}

/// <summary>Its alerts are closed, and stay to be read.</summary>
public sealed class DeleteRule(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, RuleSignals signals, TimeProvider clock)
{
    private const string Action = "rule.delete";

    public async Task<DeleteRuleResult> RunAsync(Actor actor, DeleteRuleRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageRules))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new DeleteRuleResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Rules.SingleOrDefaultAsync(rule => rule.Id == request.Id, ct) is not { } rule) return new DeleteRuleResult.UnknownRule();
        await AlertChanges.CloseAllAsync(db, rule.Id, rule, _ => true, actor.Name, clock, ct);
        db.Rules.Remove(rule);
        audit.Done(db, actor, Action, rule.Id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        signals.RulesChanged();
        signals.DeliveriesWait();
        return new DeleteRuleResult.Deleted();
    }
}
