using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="State">Only in this state.</param>
/// <param name="RuleId">Only of this rule.</param>
/// <param name="DeviceId">Only of this device.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 1,000, and what is outside is brought inside.</param>
public sealed record FindAlertsRequest(AlertState? State = null, string? RuleId = null, string? DeviceId = null, string? Cursor = null, int Limit = 100);

public abstract record FindAlertsResult
{
    private FindAlertsResult() { }

    /// <summary>Newest first; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<Alert> Alerts, string? Next) : FindAlertsResult;
    public sealed record One(Alert Alert) : FindAlertsResult;
    public sealed record Unknown : FindAlertsResult;
    public sealed record Forbidden : FindAlertsResult;
}

public sealed class FindAlerts(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1_000;

    public async Task<FindAlertsResult> RunAsync(Actor actor, FindAlertsRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindAlertsResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var alerts = db.Alerts.AsNoTracking();
        if (request.State is { } state) alerts = alerts.Where(alert => alert.State == state);
        if (request.RuleId is { } rule) alerts = alerts.Where(alert => alert.RuleId == rule);
        if (request.DeviceId is { } device) alerts = alerts.Where(alert => alert.DeviceId == device);
        if (request.Cursor is { } cursor) alerts = alerts.Where(alert => string.Compare(alert.Id, cursor) < 0);
        var found = await alerts.OrderByDescending(alert => alert.Id).Take(limit + 1).ToListAsync(ct);
        if (found.Count <= limit) return new FindAlertsResult.Page(found, null);
        found.RemoveAt(limit); // It was read only to know that there is more.
        return new FindAlertsResult.Page(found, found[^1].Id);
    }

    public async Task<FindAlertsResult> OneAsync(Actor actor, string id, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindAlertsResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var alert = await db.Alerts.AsNoTracking().SingleOrDefaultAsync(alert => alert.Id == id, ct);
        return alert is null ? new FindAlertsResult.Unknown() : new FindAlertsResult.One(alert);
    }
}
