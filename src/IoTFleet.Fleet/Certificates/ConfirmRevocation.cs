using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

public abstract record ConfirmRevocationResult
{
    private ConfirmRevocationResult() { }

    public sealed record Done(int Devices, int Certificates) : ConfirmRevocationResult;
    public sealed record Cancelled(int Resumed) : ConfirmRevocationResult;

    /// <summary>Who asked for it cannot also confirm it.</summary>
    public sealed record SameOperator : ConfirmRevocationResult;
    public sealed record CountMismatch(int Count, int? Given) : ConfirmRevocationResult;
    public sealed record NotWaiting : ConfirmRevocationResult;
    public sealed record UnknownOrder : ConfirmRevocationResult;
    public sealed record Forbidden : ConfirmRevocationResult;
}

/// <summary>The second operator's part in a revocation of many: confirm it, or cancel it, which lets the devices in again that were suspended for it.</summary>
public sealed class ConfirmRevocation(
    IDbContextFactory<FleetDbContext> databases, ManyDevices devices, AuditTrail audit, TimeProvider clock, ILogger<ConfirmRevocation> log)
{
    private const string ConfirmAction = "revocations.confirm";
    private const string SecondOperator = "second-operator-required";
    private const string CancelAction = "revocations.cancel";

    /// <param name="confirm">The number of devices that it concerns, as a check that both operators mean the same.</param>
    public async Task<ConfirmRevocationResult> RunAsync(Actor actor, string orderId, int? confirm, CancellationToken ct)
    {
        if (await FindAsync(actor, orderId, ct) is not (null, { } order)) return await RefusalAsync(actor, ConfirmAction, orderId, ct);
        if (order.RequestedBy == actor.Name)
        {
            await audit.RefusedAsync(actor, ConfirmAction, orderId, SecondOperator, null, ct);
            return new ConfirmRevocationResult.SameOperator();
        }
        var target = ManyDevices.TargetOf(order.Target);
        var ids = await devices.FindAsync(target, ManyAction.Revoke, ct);
        if (confirm != ids.Count) return new ConfirmRevocationResult.CountMismatch(ids.Count, confirm);
        if (!await DecideAsync(actor, order, RevocationOrderState.Confirmed, ConfirmAction, ct)) return new ConfirmRevocationResult.NotWaiting();
        var certificates = await devices.ChangeAsync(actor, ManyAction.Revoke, target, order.Reason, ids, ct);
        FleetLog.ManyChanged(log, ManyAction.Revoke, ids.Count, $"{RevokeMany.Describe(target)}, asked for by {order.RequestedBy}", actor.Name);
        return new ConfirmRevocationResult.Done(ids.Count, certificates);
    }

    public async Task<ConfirmRevocationResult> CancelAsync(Actor actor, string orderId, CancellationToken ct)
    {
        if (await FindAsync(actor, orderId, ct) is not (null, { } order)) return await RefusalAsync(actor, CancelAction, orderId, ct);
        if (!await DecideAsync(actor, order, RevocationOrderState.Cancelled, CancelAction, ct)) return new ConfirmRevocationResult.NotWaiting();
        if (order.Suspended is null) return new ConfirmRevocationResult.Cancelled(0);
        var suspended = ManyDevices.IdsOf(order.Suspended);
        await devices.ChangeAsync(actor, ManyAction.Resume, ManyDevices.TargetOf(order.Target), order.Reason, suspended, ct);
        return new ConfirmRevocationResult.Cancelled(suspended.Count);
    }

    /// <summary>What waits, newest first; null when the actor may not know.</summary>
    public async Task<IReadOnlyList<RevocationOrder>?> WaitingAsync(Actor actor, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return null;
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.RevocationOrders.AsNoTracking().Where(o => o.State == RevocationOrderState.AwaitingSecondOperator)
            .OrderByDescending(o => o.Id).Take(500).ToListAsync(ct);
    }

    private async Task<(ConfirmRevocationResult? Refusal, RevocationOrder? Order)> FindAsync(Actor actor, string id, CancellationToken ct)
    {
        if (!actor.May(Permission.RevokeDevices)) return (new ConfirmRevocationResult.Forbidden(), null);
        await using var db = await databases.CreateDbContextAsync(ct);
        var order = await db.RevocationOrders.AsNoTracking().SingleOrDefaultAsync(o => o.Id == id, ct);
        if (order is null) return (new ConfirmRevocationResult.UnknownOrder(), null);
        return order.State == RevocationOrderState.AwaitingSecondOperator ? (null, order) : (new ConfirmRevocationResult.NotWaiting(), null);
    }

    private async Task<ConfirmRevocationResult> RefusalAsync(Actor actor, string action, string id, CancellationToken ct)
    {
        var (refusal, _) = await FindAsync(actor, id, ct);
        if (refusal is ConfirmRevocationResult.Forbidden) await audit.ForbiddenAsync(actor, action, id, ct);
        return refusal ?? new ConfirmRevocationResult.NotWaiting();
    }

    /// <summary>Of two that decide at once, one does.</summary>
    private async Task<bool> DecideAsync(Actor actor, RevocationOrder order, RevocationOrderState state, string action, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var decided = await db.RevocationOrders.Where(o => o.Id == order.Id && o.State == RevocationOrderState.AwaitingSecondOperator).ExecuteUpdateAsync(
            set => set.SetProperty(o => o.State, state).SetProperty(o => o.DecidedBy, actor.Name).SetProperty(o => o.DecidedAt, now), ct);
        if (decided == 0) return false;
        audit.Done(db, actor, action, order.Id, $"{order.Count} devices, asked for by {order.RequestedBy}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return true;
    }
}
