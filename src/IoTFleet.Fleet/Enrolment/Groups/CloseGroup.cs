using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Groups;

/// <param name="Closed">False opens it again.</param>
public sealed record CloseGroupRequest(string Id, bool Closed = true);

public abstract record CloseGroupResult
{
    private CloseGroupResult() { }

    /// <summary>Also when it was so before.</summary>
    public sealed record Done(EnrolmentGroup Group) : CloseGroupResult;
    public sealed record UnknownGroup : CloseGroupResult;
    public sealed record Forbidden : CloseGroupResult;
}

/// <summary>Shuts a way into the fleet, or opens it again. Devices that came by it stay and renew as before.</summary>
public sealed class CloseGroup(IDbContextFactory<FleetDbContext> databases, AuditTrail audit)
{
    public async Task<CloseGroupResult> RunAsync(Actor actor, CloseGroupRequest request, CancellationToken ct)
    {
        var action = request.Closed ? "group.close" : "group.open";
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, action, request.Id, ct);
            return new CloseGroupResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var changed = await db.Groups.Where(g => g.Id == request.Id && g.Closed != request.Closed)
            .ExecuteUpdateAsync(set => set.SetProperty(g => g.Closed, request.Closed), ct);
        if (await db.Groups.AsNoTracking().SingleOrDefaultAsync(g => g.Id == request.Id, ct) is not { } group) return new CloseGroupResult.UnknownGroup();
        if (changed > 0) audit.Done(db, actor, action, request.Id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new CloseGroupResult.Done(group);
    }
}
