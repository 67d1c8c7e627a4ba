using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Approvals;

/// <param name="State">Those in this state; null for all.</param>
/// <param name="GroupId">Those of this group; null for all.</param>
/// <param name="Limit">The newest so many, 1 to 1,000; what is outside is brought inside.</param>
public sealed record FindPendingRequest(PendingState? State = PendingState.Waiting, string? GroupId = null, int Limit = 1_000);

public abstract record FindPendingResult
{
    private FindPendingResult() { }

    /// <summary>Newest first.</summary>
    public sealed record Found(IReadOnlyList<PendingEnrolment> Requests) : FindPendingResult;
    public sealed record Forbidden : FindPendingResult;
}

public sealed class FindPending(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1_000;

    public async Task<FindPendingResult> RunAsync(Actor actor, FindPendingRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindPendingResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = db.PendingEnrolments.AsNoTracking()
            .Where(p => (request.State == null || p.State == request.State) && (request.GroupId == null || p.GroupId == request.GroupId));
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        return new FindPendingResult.Found(await found.OrderByDescending(p => p.Id).Take(limit).ToListAsync(ct)); // Ids rise with time.
    }
}
