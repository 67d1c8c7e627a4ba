using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>Writes down that a node works although it may not know everybody who is shut out, because an operator set it so.</summary>
public sealed class OverrideRevocations(IDbContextFactory<FleetDbContext> databases, AuditTrail audit)
{
    private const string OlderAction = "revocations.accept-older";
    private const string StaleAction = "revocations.accept-stale";

    public Task AcceptOlderAsync(Actor actor, RevocationsRolledBackException older, CancellationToken ct) =>
        WriteAsync(actor, OlderAction, $"number {older.InForce} was in force, the database ends at {older.Found}", ct);

    public Task AcceptStaleAsync(Actor actor, string why, CancellationToken ct) => WriteAsync(actor, StaleAction, why, ct);

    private async Task WriteAsync(Actor actor, string action, string detail, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        audit.Done(db, actor, action, Environment.MachineName, detail);
        await db.SaveChangesAsync(ct);
    }
}
