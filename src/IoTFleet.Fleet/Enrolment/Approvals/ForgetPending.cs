using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Approvals;

/// <param name="Age">Since they were decided; since the device last asked, where nobody has.</param>
public sealed record ForgetPendingRequest(TimeSpan Age);

/// <summary>
/// Requests for approval that nobody comes back for would fill the queue's cap for good. What was decided is in the audit and stays there; a device
/// that was turned away and asks again after that long waits for a decision again.
/// </summary>
public sealed class ForgetPending(FleetWriter writer, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "enrolment.forget";

    /// <returns>How many were forgotten.</returns>
    public Task<int> RunAsync(Actor actor, ForgetPendingRequest request, CancellationToken ct) => writer.RunAsync(
        async (db, stop) =>
        {
            var before = clock.GetUtcNow() - request.Age;
            var forgotten = await db.PendingEnrolments.Where(p => (p.DecidedAt ?? p.LastAskedAt) < before && p.LastAskedAt < before).ExecuteDeleteAsync(stop);
            if (forgotten > 0) audit.Done(db, actor, Action, "approvals", $"{forgotten} requests older than {request.Age.TotalDays} days");
            return forgotten;
        }, ct);
}
