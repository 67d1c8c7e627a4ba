using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Delivery">What is to be sent.</param>
/// <param name="Url">Where to; null by MQTT.</param>
/// <param name="ProtectedSecrets">What signs it, encrypted.</param>
public sealed record ClaimedDelivery(AlertDelivery Delivery, string? Url, IReadOnlyList<byte[]> ProtectedSecrets)
{
    /// <summary>Until then it is this sender's alone.</summary>
    public DateTimeOffset Until { get; init; }
}

/// <summary>
/// What is to be delivered, for whoever delivers it, on as many nodes as there are. A delivery is claimed before it is sent: it is due again only when the claim has run out,
/// so that one whose sender died is taken over. One that was sent and could not be written down as sent comes again: at least once, never not at all.
/// </summary>
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
    public async Task<IReadOnlyList<AlertDelivery>> DueAsync(string? webhookId, int limit, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await Due(db).Where(delivery => delivery.WebhookId == webhookId).OrderBy(delivery => delivery.NextAttemptAt).ThenBy(delivery => delivery.Id).Take(limit).ToListAsync(ct);
    }

    /// <summary>For one sender alone: of those that have found it due, the first. Null for the others, and when it has been replayed or deleted meanwhile.</summary>
    public async Task<ClaimedDelivery?> ClaimAsync(AlertDelivery due, TimeSpan lease, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var until = clock.GetUtcNow() + lease;
        if (await Standing(db, due, due.NextAttemptAt).ExecuteUpdateAsync(set => set.SetProperty(row => row.NextAttemptAt, until), ct) == 0) return null;
        if (due.WebhookId is null) return new ClaimedDelivery(due, null, []) { Until = until };
        var webhook = await db.Webhooks.AsNoTracking().SingleOrDefaultAsync(webhook => webhook.Id == due.WebhookId, ct); // now, since its secret may have changed
        return new ClaimedDelivery(due, webhook?.Url, webhook?.SecretsAt(clock.GetUtcNow()) ?? []) { Until = until };
    }

    /// <summary>By a sender that stops in the middle: it is due at once.</summary>
    public async Task ReleaseAsync(ClaimedDelivery claimed, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = clock.GetUtcNow();
        await Standing(db, claimed.Delivery, claimed.Until).ExecuteUpdateAsync(set => set.SetProperty(row => row.NextAttemptAt, now), ct);
    }

    /// <summary>When the next one is due; null when none waits.</summary>
    public async Task<DateTimeOffset?> NextAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.AlertDeliveries.Where(delivery => delivery.State == DeliveryState.Waiting).OrderBy(delivery => delivery.NextAttemptAt)
            .Select(delivery => (DateTimeOffset?)delivery.NextAttemptAt).FirstOrDefaultAsync(ct);
    }

    /// <summary>Unless it has been replayed, deleted or taken over meanwhile.</summary>
    public async Task RecordAsync(ClaimedDelivery claimed, CancellationToken ct)
    {
        var delivery = claimed.Delivery;
        await using var db = await databases.CreateDbContextAsync(ct);
        await Standing(db, delivery, claimed.Until).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, delivery.State).SetProperty(row => row.Attempts, delivery.Attempts)
                .SetProperty(row => row.NextAttemptAt, delivery.NextAttemptAt).SetProperty(row => row.LastAttemptAt, delivery.LastAttemptAt)
                .SetProperty(row => row.LastStatus, delivery.LastStatus).SetProperty(row => row.LastProblem, delivery.LastProblem), ct);
    }

    /// <summary>Deletes what nobody will ask for any more, a little in a transaction. Open alerts and what waits stay.</summary>
    public async Task ForgetAsync(CancellationToken ct)
    {
        while (await ForgetDeliveriesAsync(ct) + await ForgetAlertsAsync(ct) > 0) ct.ThrowIfCancellationRequested();
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = clock.GetUtcNow();
        await db.Webhooks.Where(webhook => webhook.OldSecretUntil <= now)
            .ExecuteUpdateAsync(set => set.SetProperty(webhook => webhook.OldProtectedSecret, (byte[]?)null).SetProperty(webhook => webhook.OldSecretUntil, (DateTimeOffset?)null), ct);
    }

    private async Task<int> ForgetDeliveriesAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var before = clock.GetUtcNow() - KeepDeliveries;
        var old = await db.AlertDeliveries.Where(delivery => delivery.CreatedAt < before && delivery.State != DeliveryState.Waiting)
            .OrderBy(delivery => delivery.CreatedAt).Take(MaxForgotten).Select(delivery => delivery.Id).ToListAsync(ct);
        return await db.AlertDeliveries.Where(delivery => old.Contains(delivery.Id) && delivery.State != DeliveryState.Waiting).ExecuteDeleteAsync(ct);
    }

    private async Task<int> ForgetAlertsAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var before = clock.GetUtcNow() - KeepClosedAlerts;
        var old = await db.Alerts.Where(alert => alert.ClosedAt < before).OrderBy(alert => alert.ClosedAt).Take(MaxForgotten).Select(alert => alert.Id).ToListAsync(ct);
        return await db.Alerts.Where(alert => old.Contains(alert.Id)).ExecuteDeleteAsync(ct);
    }

    /// <summary>The delivery, if it is still as the sender knows it.</summary>
    private static IQueryable<AlertDelivery> Standing(FleetDbContext db, AlertDelivery delivery, DateTimeOffset nextAttemptAt) => db.AlertDeliveries.Where(
        row => row.Id == delivery.Id && row.State == DeliveryState.Waiting && row.StartedAt == delivery.StartedAt && row.NextAttemptAt == nextAttemptAt);

    private IQueryable<AlertDelivery> Due(FleetDbContext db)
    {
        var now = clock.GetUtcNow();
        return db.AlertDeliveries.AsNoTracking().Where(delivery => delivery.State == DeliveryState.Waiting && delivery.NextAttemptAt <= now);
    }
}
