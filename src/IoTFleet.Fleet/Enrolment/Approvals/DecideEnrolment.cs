using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Approvals;

/// <param name="Id">The waiting request's.</param>
public sealed record DecideEnrolmentRequest(string Id, bool Approve);

public abstract record DecideEnrolmentResult
{
    private DecideEnrolmentResult() { }

    public sealed record Decided(PendingEnrolment Request) : DecideEnrolmentResult;

    /// <summary>Somebody was faster.</summary>
    public sealed record DecidedBefore(PendingEnrolment Request) : DecideEnrolmentResult;
    public sealed record Unknown : DecideEnrolmentResult;
    public sealed record Forbidden : DecideEnrolmentResult;
}

/// <summary>Lets a waiting request in or turns it away. The device gets its certificate when it asks again; what its credential pays for is taken then.</summary>
public sealed class DecideEnrolment(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    public async Task<DecideEnrolmentResult> RunAsync(Actor actor, DecideEnrolmentRequest request, CancellationToken ct)
    {
        var action = request.Approve ? "enrolment.approve" : "enrolment.reject";
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, action, request.Id, ct);
            return new DecideEnrolmentResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var changed = await DecideAsync(db, actor, request, ct);
        var pending = await db.PendingEnrolments.AsNoTracking().SingleOrDefaultAsync(p => p.Id == request.Id, ct);
        if (pending is null) return new DecideEnrolmentResult.Unknown();
        if (!changed) return new DecideEnrolmentResult.DecidedBefore(pending);
        audit.Done(db, actor, action, pending.DeviceId, $"key {pending.KeyFingerprint}, group {pending.GroupId}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new DecideEnrolmentResult.Decided(pending);
    }

    private async Task<bool> DecideAsync(FleetDbContext db, Actor actor, DecideEnrolmentRequest request, CancellationToken ct)
    {
        var state = request.Approve ? PendingState.Approved : PendingState.Rejected;
        DateTimeOffset? now = clock.GetUtcNow();
        return await db.PendingEnrolments.Where(p => p.Id == request.Id && p.State == PendingState.Waiting).ExecuteUpdateAsync(
            set => set.SetProperty(p => p.State, state).SetProperty(p => p.DecidedAt, now).SetProperty(p => p.DecidedBy, actor.Name), ct) == 1;
    }
}
