using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Groups;

/// <param name="Settings">All of them: what is not said is as in a new group.</param>
public sealed record ChangeGroupRequest(string Id, GroupSettings Settings);

public abstract record ChangeGroupResult
{
    private ChangeGroupResult() { }

    public sealed record Changed(EnrolmentGroup Group) : ChangeGroupResult;
    public sealed record UnknownGroup : ChangeGroupResult;
    public sealed record Invalid(string Problem) : ChangeGroupResult;
    public sealed record Forbidden : ChangeGroupResult;
}

/// <summary>Replaces a group's settings. What it has enrolled stays, and stays counted.</summary>
public sealed class ChangeGroup(IDbContextFactory<FleetDbContext> databases, AuditTrail audit)
{
    private const string Action = "group.change";

    public async Task<ChangeGroupResult> RunAsync(Actor actor, ChangeGroupRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new ChangeGroupResult.Forbidden();
        }
        return request.Settings.FindProblem() is { } problem ? new ChangeGroupResult.Invalid(problem) : await ChangeAsync(actor, request, ct);
    }

    private async Task<ChangeGroupResult> ChangeAsync(Actor actor, ChangeGroupRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Groups.SingleOrDefaultAsync(g => g.Id == request.Id, ct) is not { } group) return new ChangeGroupResult.UnknownGroup();

        db.Entry(group).CurrentValues.SetValues(request.Settings.ApplyTo(group)); // Only what differs is written, so never the counters.
        var changed = db.Entry(group).Properties.Where(p => p.IsModified).Select(p => p.Metadata.Name);
        audit.Done(db, actor, Action, group.Id, string.Join(", ", changed));
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new ChangeGroupResult.Changed(group);
    }
}
