using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Settings">All of them: what is not said is as in a new rule.</param>
public sealed record ChangeRuleRequest(string Id, RuleSettings Settings);

public abstract record ChangeRuleResult
{
    private ChangeRuleResult() { }

    public sealed record Changed(Rule Rule) : ChangeRuleResult;
    public sealed record UnknownRule : ChangeRuleResult;
    public sealed record Invalid(string Problem) : ChangeRuleResult;
    public sealed record Forbidden : ChangeRuleResult;
}

/// <summary>Replaces a rule's settings. Its alerts stay open until a value closes them; those of a rule that is disabled, or of another kind or metric, are closed.</summary>
public sealed class ChangeRule(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, RuleSignals signals, TimeProvider clock)
{
    private const string Action = "rule.change";

    public async Task<ChangeRuleResult> RunAsync(Actor actor, ChangeRuleRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageRules))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new ChangeRuleResult.Forbidden();
        }
        return request.Settings.FindProblem() is { } problem ? new ChangeRuleResult.Invalid(problem) : await ChangeAsync(actor, request, ct);
    }

    private async Task<ChangeRuleResult> ChangeAsync(Actor actor, ChangeRuleRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Rules.SingleOrDefaultAsync(rule => rule.Id == request.Id, ct) is not { } rule) return new ChangeRuleResult.UnknownRule();
        if (await CreateRule.UnknownWebhookAsync(db, request.Settings, ct) is { } webhook) return new ChangeRuleResult.Invalid($"There is no webhook {webhook}.");

        var changed = request.Settings.ApplyTo(rule.Id, rule.CreatedAt, clock.GetUtcNow());
        if (!changed.Enabled || (changed.Kind, changed.Metric) != (rule.Kind, rule.Metric)) await AlertChanges.CloseAllAsync(db, rule.Id, rule, _ => true, actor.Name, clock, ct);
        db.Entry(rule).CurrentValues.SetValues(changed); // Only what differs is written.
        audit.Done(db, actor, Action, rule.Id, string.Join(", ", db.Entry(rule).Properties.Where(p => p.IsModified).Select(p => p.Metadata.Name)));
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        signals.RulesChanged();
        signals.DeliveriesWait();
        return new ChangeRuleResult.Changed(rule);
    }
}
