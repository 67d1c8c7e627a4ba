using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Groups;

/// <param name="Id">Only this one; null for all.</param>
public sealed record FindGroupsRequest(string? Id = null);

public abstract record FindGroupsResult
{
    private FindGroupsResult() { }

    /// <summary>By name.</summary>
    public sealed record Found(IReadOnlyList<EnrolmentGroup> Groups) : FindGroupsResult;
    public sealed record Forbidden : FindGroupsResult;
}

public sealed class FindGroups(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxGroups = 1_000;

    public async Task<FindGroupsResult> RunAsync(Actor actor, FindGroupsRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindGroupsResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var groups = db.Groups.AsNoTracking().Where(g => request.Id == null || g.Id == request.Id);
        return new FindGroupsResult.Found(await groups.OrderBy(g => g.Id).Take(MaxGroups).ToListAsync(ct));
    }
}
