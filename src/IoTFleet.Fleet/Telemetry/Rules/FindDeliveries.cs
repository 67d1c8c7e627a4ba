using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="WebhookId">Only to this one.</param>
/// <param name="State">Only in this state.</param>
/// <param name="AlertId">Only of this alert.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 1,000, and what is outside is brought inside.</param>
public sealed record FindDeliveriesRequest(string? WebhookId = null, DeliveryState? State = null, string? AlertId = null, string? Cursor = null, int Limit = 100);

public abstract record FindDeliveriesResult
{
    private FindDeliveriesResult() { }

    /// <summary>Newest first; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<AlertDelivery> Deliveries, string? Next) : FindDeliveriesResult;
    public sealed record Forbidden : FindDeliveriesResult;
}

/// <summary>What receivers of alerts were told, or are to be told.</summary>
public sealed class FindDeliveries(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1_000;

    public async Task<FindDeliveriesResult> RunAsync(Actor actor, FindDeliveriesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindDeliveriesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var deliveries = db.AlertDeliveries.AsNoTracking();
        if (request.WebhookId is { } webhook) deliveries = deliveries.Where(delivery => delivery.WebhookId == webhook);
        if (request.State is { } state) deliveries = deliveries.Where(delivery => delivery.State == state);
        if (request.AlertId is { } alert) deliveries = deliveries.Where(delivery => delivery.AlertId == alert);
        if (request.Cursor is { } cursor) deliveries = deliveries.Where(delivery => string.Compare(delivery.Id, cursor) < 0);
        var found = await deliveries.OrderByDescending(delivery => delivery.Id).Take(limit + 1).ToListAsync(ct);
        if (found.Count <= limit) return new FindDeliveriesResult.Page(found, null);
        found.RemoveAt(limit); // It was read only to know that there is more.
        return new FindDeliveriesResult.Page(found, found[^1].Id);
    }
}
