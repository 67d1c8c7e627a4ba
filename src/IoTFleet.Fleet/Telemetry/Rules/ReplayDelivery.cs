using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">The delivery.</param>
public sealed record ReplayDeliveryRequest(string Id);

public abstract record ReplayDeliveryResult
{
    private ReplayDeliveryResult() { }

    public sealed record Done(AlertDelivery Delivery) : ReplayDeliveryResult;
    public sealed record UnknownDelivery : ReplayDeliveryResult;
    public sealed record Forbidden : ReplayDeliveryResult;
}

/// <summary>Sends once more what was given up, or what the receiver has lost: the same body under the same id.</summary>
public sealed class ReplayDelivery(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, RuleSignals signals, TimeProvider clock)
{
    private const string Action = "delivery.replay";

    public async Task<ReplayDeliveryResult> RunAsync(Actor actor, ReplayDeliveryRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageRules))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new ReplayDeliveryResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.AlertDeliveries.SingleOrDefaultAsync(delivery => delivery.Id == request.Id, ct) is not { } delivery) return new ReplayDeliveryResult.UnknownDelivery();
        (delivery.State, delivery.Attempts, delivery.StartedAt, delivery.NextAttemptAt) = (DeliveryState.Waiting, 0, clock.GetUtcNow(), clock.GetUtcNow());
        audit.Done(db, actor, Action, delivery.Id, delivery.WebhookId ?? "MQTT");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        signals.DeliveriesWait();
        return new ReplayDeliveryResult.Done(delivery);
    }
}
