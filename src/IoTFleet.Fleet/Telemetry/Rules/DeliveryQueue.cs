using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Delivery">What is to be sent.</param>
/// <param name="Url">Where to; null by MQTT.</param>
/// <param name="ProtectedSecret">What signs it, encrypted.</param>
public sealed record DueDelivery(AlertDelivery Delivery, string? Url, byte[]? ProtectedSecret);

/// <summary>What is to be delivered, for whoever delivers it. A delivery that was sent and could not be written down as sent comes again: at least once, never not at all.</summary>
public sealed class DeliveryQueue(IDbContextFactory<FleetDbContext> databases, TimeProvider clock)
{
    public static readonly TimeSpan KeepDeliveries = TimeSpan.FromDays(30);
    public static readonly TimeSpan KeepClosedAlerts = TimeSpan.FromDays(365);

    private const int MaxForgotten = 1_000;

    /// <summary>Receivers that something is due for; null is MQTT.</summary>
    public async Task<IReadOnlyList<string?>> ReceiversAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await Due(db).Select(delivery => delivery.WebhookId).Distinct().ToListAsync(ct);
    }

    /// <summary>What has waited longest for one receiver.</summary>
    public async Task<IReadOnlyList<DueDelivery>> TakeAsync(string? webhookId, int limit, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var webhook = webhookId is null ? null : await db.Webhooks.AsNoTracking().SingleOrDefaultAsync(webhook => webhook.Id == webhookId, ct);
        var due = await Due(db).Where(delivery => delivery.WebhookId == webhookId).OrderBy(delivery => delivery.NextAttemptAt).ThenBy(delivery => delivery.Id).Take(limit).ToListAsync(ct);
        return [.. due.Select(delivery => new DueDelivery(delivery, webhook?.Url, webhook?.ProtectedSecret))];
    }

    /// <summary>When the next one is due; null when none waits.</summary>
    public async Task<DateTimeOffset?> NextAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.AlertDeliveries.Where(delivery => delivery.State == DeliveryState.Waiting).OrderBy(delivery => delivery.NextAttemptAt)
            .Select(delivery => (DateTimeOffset?)delivery.NextAttemptAt).FirstOrDefaultAsync(ct);
    }

    /// <summary>Unless it has been replayed or deleted meanwhile.</summary>
    public async Task RecordAsync(AlertDelivery delivery, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.AlertDeliveries.Where(row => row.Id == delivery.Id && row.State == DeliveryState.Waiting && row.StartedAt == delivery.StartedAt).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, delivery.State).SetProperty(row => row.Attempts, delivery.Attempts)
                .SetProperty(row => row.NextAttemptAt, delivery.NextAttemptAt).SetProperty(row => row.LastAttemptAt, delivery.LastAttemptAt)
                .SetProperty(row => row.LastStatus, delivery.LastStatus).SetProperty(row => row.LastProblem, delivery.LastProblem), ct);
    }

    /// <summary>Deletes what nobody will ask for any more, a little at a time. Open alerts and what waits stay.</summary>
    public async Task ForgetAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var (deliveries, alerts) = (clock.GetUtcNow() - KeepDeliveries, clock.GetUtcNow() - KeepClosedAlerts);
        var old = await db.AlertDeliveries.Where(delivery => delivery.CreatedAt < deliveries && delivery.State != DeliveryState.Waiting)
            .OrderBy(delivery => delivery.CreatedAt).Take(MaxForgotten).Select(delivery => delivery.Id).ToListAsync(ct);
        await db.AlertDeliveries.Where(delivery => old.Contains(delivery.Id)).ExecuteDeleteAsync(ct);
        var closed = await db.Alerts.Where(alert => alert.ClosedAt < alerts).OrderBy(alert => alert.ClosedAt).Take(MaxForgotten).Select(alert => alert.Id).ToListAsync(ct);
        await db.Alerts.Where(alert => closed.Contains(alert.Id)).ExecuteDeleteAsync(ct);
    }

    private IQueryable<AlertDelivery> Due(FleetDbContext db)
    {
        var now = clock.GetUtcNow();
        return db.AlertDeliveries.AsNoTracking().Where(delivery => delivery.State == DeliveryState.Waiting && delivery.NextAttemptAt <= now);
    }
}
