using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Manufacturers;

public sealed record RemoveManufacturerRequest(string Id);

public abstract record RemoveManufacturerResult
{
    private RemoveManufacturerResult() { }

    /// <summary>Also when it was removed before.</summary>
    public sealed record Removed : RemoveManufacturerResult;
    public sealed record Unknown : RemoveManufacturerResult;
    public sealed record Forbidden : RemoveManufacturerResult;
}

/// <summary>Believes a manufacturer no more. What it has enrolled stays.</summary>
public sealed class RemoveManufacturer(IDbContextFactory<FleetDbContext> databases, AuthorityDirectory authorities, AuditTrail audit)
{
    private const string Action = "manufacturer.remove";

    public async Task<RemoveManufacturerResult> RunAsync(Actor actor, RemoveManufacturerRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new RemoveManufacturerResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (!await db.Manufacturers.AnyAsync(m => m.Id == request.Id, ct)) return new RemoveManufacturerResult.Unknown();
        await db.Manufacturers.Where(m => m.Id == request.Id).ExecuteUpdateAsync(set => set.SetProperty(m => m.State, ManufacturerState.Removed), ct);
        audit.Done(db, actor, Action, request.Id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        await authorities.ReloadAsync(ct);
        return new RemoveManufacturerResult.Removed();
    }
}
