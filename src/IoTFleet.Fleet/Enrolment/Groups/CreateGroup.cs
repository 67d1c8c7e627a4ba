using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Groups;

/// <param name="Id">The group's name, which is also the label of its EST address.</param>
public sealed record CreateGroupRequest(string Id, GroupSettings Settings);

public abstract record CreateGroupResult
{
    private CreateGroupResult() { }

    public sealed record Created(EnrolmentGroup Group) : CreateGroupResult;
    public sealed record AlreadyKnown : CreateGroupResult;
    public sealed record Invalid(string Problem) : CreateGroupResult;
    public sealed record Forbidden : CreateGroupResult;
}

/// <summary>Opens a way into the fleet with limits of its own.</summary>
public sealed class CreateGroup(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "group.create";

    public async Task<CreateGroupResult> RunAsync(Actor actor, CreateGroupRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new CreateGroupResult.Forbidden();
        }
        var problem = GroupSettings.FindProblemWithName(request.Id) ?? request.Settings.FindProblem();
        return problem is null ? await AddAsync(actor, request, ct) : new CreateGroupResult.Invalid(problem);
    }

    private async Task<CreateGroupResult> AddAsync(Actor actor, CreateGroupRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Groups.AnyAsync(g => g.Id == request.Id, ct)) return new CreateGroupResult.AlreadyKnown();

        var blank = new EnrolmentGroup { Id = request.Id, Ways = EnrolmentWays.None, CreatedAt = clock.GetUtcNow() };
        var group = request.Settings.ApplyTo(blank);
        db.Groups.Add(group);
        audit.Done(db, actor, Action, group.Id, $"{group.Ways}, approval {group.Approval}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new CreateGroupResult.Created(group);
    }
}
