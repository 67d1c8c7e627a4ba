using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">The alert.</param>
/// <param name="Note">What there is to say about it.</param>
public sealed record AcknowledgeAlertRequest(string Id, string? Note = null);

public abstract record AcknowledgeAlertResult
{
    private AcknowledgeAlertResult() { }

    /// <summary>Also when it was so before.</summary>
    public sealed record Done(Alert Alert) : AcknowledgeAlertResult;
    public sealed record UnknownAlert : AcknowledgeAlertResult;
    public sealed record IsClosed : AcknowledgeAlertResult;
    public sealed record Invalid(string Problem) : AcknowledgeAlertResult;
    public sealed record Forbidden : AcknowledgeAlertResult;
}

/// <summary>Says that somebody has seen it. It is still so, and closes by itself.</summary>
public sealed class AcknowledgeAlert(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, RuleSignals signals, TimeProvider clock)
{
    private const string Action = "alert.acknowledge";
    private const int MaxNote = 500;

    public async Task<AcknowledgeAlertResult> RunAsync(Actor actor, AcknowledgeAlertRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageRules))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new AcknowledgeAlertResult.Forbidden();
        }
        if (request.Note is { Length: > MaxNote }) return new AcknowledgeAlertResult.Invalid($"A note has at most {MaxNote} characters.");

        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Alerts.SingleOrDefaultAsync(alert => alert.Id == request.Id, ct) is not { } alert) return new AcknowledgeAlertResult.UnknownAlert();
        if (alert.State == AlertState.Closed) return new AcknowledgeAlertResult.IsClosed();
        if (alert.State == AlertState.Acknowledged) return new AcknowledgeAlertResult.Done(alert);

        (alert.State, alert.AcknowledgedAt, alert.AcknowledgedBy, alert.Note) = (AlertState.Acknowledged, clock.GetUtcNow(), actor.Name, request.Note ?? alert.Note);
        alert.Version++;
        var rule = await db.Rules.AsNoTracking().SingleOrDefaultAsync(rule => rule.Id == alert.RuleId, ct);
        AlertNotice.Add(db, rule, await AlertChanges.WebhooksAsync(db, ct), alert, AlertNotice.Acknowledged, clock);
        audit.Done(db, actor, Action, alert.Id, $"{alert.RuleId} of {alert.DeviceId}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        signals.DeliveriesWait();
        return new AcknowledgeAlertResult.Done(alert);
    }
}
