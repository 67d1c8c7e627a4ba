using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// Each node writes down how far it has put the revocations into force, so that whoever revokes can be told where they are in force.
/// A node that stops in good order takes its row away; one that died keeps it, and is named as not having answered.
/// </summary>
public sealed class ReportNode(IDbContextFactory<FleetDbContext> databases, FleetWriter writer, FleetNode node, TimeProvider clock)
{
    /// <summary>A node that has not been heard of for so long is dead, and its connections are.</summary>
    internal static readonly TimeSpan Forgotten = TimeSpan.FromDays(1);

    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();

    public string Name => node.Name;

    public Task<int> RunAsync(long sequence, CancellationToken ct) => writer.RunAsync(async (db, inner) =>
    {
        var now = clock.GetUtcNow();
        var known = await db.Nodes.Where(n => n.Node == node.Name).ExecuteUpdateAsync(
            set => set.SetProperty(n => n.Sequence, sequence).SetProperty(n => n.SeenAt, now).SetProperty(n => n.StartedAt, _startedAt), inner);
        if (known == 0) db.Nodes.Add(new NodeStatus { Node = node.Name, Sequence = sequence, SeenAt = now, StartedAt = _startedAt });
        return known;
    }, ct);

    public Task<int> LeaveAsync(CancellationToken ct) =>
        writer.RunAsync((db, inner) => db.Nodes.Where(n => n.Node == node.Name).ExecuteDeleteAsync(inner), ct);

    /// <summary>The other nodes that may hold connections.</summary>
    public async Task<IReadOnlyList<NodeStatus>> OthersAsync(CancellationToken ct)
    {
        var since = clock.GetUtcNow() - Forgotten;
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Nodes.AsNoTracking().Where(n => n.Node != node.Name && n.SeenAt >= since).OrderBy(n => n.Node).ToListAsync(ct);
    }
}
