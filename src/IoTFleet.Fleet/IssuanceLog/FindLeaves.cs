using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.IssuanceLog;

/// <param name="From">The first index.</param>
/// <param name="Limit">At most this many; 1 to 1000, and what is outside is brought inside.</param>
public sealed record FindLeavesRequest(long From = 0, int Limit = 1000);

public abstract record FindLeavesResult
{
    private FindLeavesResult() { }

    public sealed record Page(IReadOnlyList<LogLeaf> Leaves, long? Next) : FindLeavesResult;
    public sealed record Forbidden : FindLeavesResult;
}

/// <summary>The log's leaves, from which anybody can build the tree anew.</summary>
public sealed class FindLeaves(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1000;

    public async Task<FindLeavesResult> RunAsync(Actor actor, FindLeavesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindLeavesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var leaves = await db.LogLeaves.AsNoTracking().Where(l => l.Index >= request.From).OrderBy(l => l.Index).Take(limit).ToListAsync(ct);
        return new FindLeavesResult.Page(leaves, leaves.Count < limit ? null : leaves[^1].Index + 1);
    }
}
