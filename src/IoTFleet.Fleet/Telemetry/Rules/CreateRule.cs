using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">The rule's name.</param>
public sealed record CreateRuleRequest(string Id, RuleSettings Settings);

public abstract record CreateRuleResult
{
    private CreateRuleResult() { }

    public sealed record Created(Rule Rule) : CreateRuleResult;
    public sealed record AlreadyKnown : CreateRuleResult;
    public sealed record Invalid(string Problem) : CreateRuleResult;
    public sealed record Forbidden : CreateRuleResult;
}

/// <summary>From then on the newest values are judged by it.</summary>
public sealed class CreateRule(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, RuleSignals signals, TimeProvider clock)
{
    private const string Action = "rule.create";

    public async Task<CreateRuleResult> RunAsync(Actor actor, CreateRuleRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageRules))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new CreateRuleResult.Forbidden();
        }
        var problem = DeviceName.IsValid(request.Id) ? request.Settings.FindProblem() : $"A rule's name is {DeviceName.Rule}.";
        return problem is null ? await AddAsync(actor, request, ct) : new CreateRuleResult.Invalid(problem);
    }

    private async Task<CreateRuleResult> AddAsync(Actor actor, CreateRuleRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Rules.AnyAsync(rule => rule.Id == request.Id, ct)) return new CreateRuleResult.AlreadyKnown();
        if (await db.Rules.CountAsync(ct) >= RuleLimits.MaxRules) return new CreateRuleResult.Invalid($"There are {RuleLimits.MaxRules} rules, the most there can be.");
        if (await UnknownWebhookAsync(db, request.Settings, ct) is { } webhook) return new CreateRuleResult.Invalid($"There is no webhook {webhook}.");

        var rule = request.Settings.ApplyTo(request.Id, clock.GetUtcNow(), clock.GetUtcNow());
        db.Rules.Add(rule);
        audit.Done(db, actor, Action, rule.Id, $"{rule.Kind} of {rule.Metric ?? "the device"}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        signals.RulesChanged();
        return new CreateRuleResult.Created(rule);
    }

    internal static async Task<string?> UnknownWebhookAsync(FleetDbContext db, RuleSettings settings, CancellationToken ct)
    {
        var known = await AlertChanges.WebhooksAsync(db, ct);
        return settings.WebhookIds.FirstOrDefault(id => !known.Contains(id));
    }
}
