using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">The alert.</param>
/// <param name="Note">What there is to say about it.</param>
public sealed record CloseAlertRequest(string Id, string? Note = null);

public abstract record CloseAlertResult
{
    private CloseAlertResult() { }

    /// <summary>Also when it was so before.</summary>
    public sealed record Done(Alert Alert) : CloseAlertResult;
    public sealed record UnknownAlert : CloseAlertResult;
    public sealed record Invalid(string Problem) : CloseAlertResult;
    public sealed record Forbidden : CloseAlertResult;
}

/// <summary>Closes it by hand. What is still so opens another: a value when it comes again, a silence when something was heard between.</summary>
public sealed class CloseAlert(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, RuleSignals signals, TimeProvider clock)
{
    private const string Action = "alert.close";
    private const int MaxNote = 500;

    public async Task<CloseAlertResult> RunAsync(Actor actor, CloseAlertRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageRules))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new CloseAlertResult.Forbidden();
        }
        if (request.Note is { Length: > MaxNote }) return new CloseAlertResult.Invalid($"A note has at most {MaxNote} characters.");

        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Alerts.SingleOrDefaultAsync(alert => alert.Id == request.Id, ct) is not { } alert) return new CloseAlertResult.UnknownAlert();
        if (alert.State == AlertState.Closed) return new CloseAlertResult.Done(alert);

        AlertChanges.Close(alert, actor.Name, CloseReasons.Operator, clock);
        alert.Note = request.Note ?? alert.Note;
        var rule = await db.Rules.AsNoTracking().SingleOrDefaultAsync(rule => rule.Id == alert.RuleId, ct);
        AlertNotice.Add(db, rule, await AlertChanges.WebhooksAsync(db, ct), alert, AlertNotice.Closed, clock);
        audit.Done(db, actor, Action, alert.Id, $"{alert.RuleId} of {alert.DeviceId}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        signals.RulesChanged();
        signals.DeliveriesWait();
        return new CloseAlertResult.Done(alert);
    }
}
