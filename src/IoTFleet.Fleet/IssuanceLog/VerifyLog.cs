using IoTFleet.Pki.Transparency;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.IssuanceLog;

public abstract record VerifyLogResult
{
    private VerifyLogResult() { }

    /// <summary>Sound when no problem was found; at most a hundred are named.</summary>
    public sealed record Done(long Leaves, byte[] Root, int Checkpoints, IReadOnlyList<string> Problems) : VerifyLogResult;
    public sealed record Forbidden : VerifyLogResult;
}

/// <summary>Builds the tree anew from the leaves and holds it to everything that speaks of it: the certificates kept, the checkpoints signed.</summary>
public sealed class VerifyLog(IDbContextFactory<FleetDbContext> databases, IssuedLog issued)
{
    private const int PageSize = 500;
    private const int MaxProblems = 100;

    public async Task<VerifyLogResult> RunAsync(Actor actor, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new VerifyLogResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var problems = new List<string>();
        var checkpoints = await db.LogCheckpoints.AsNoTracking().OrderBy(c => c.Size).ToListAsync(ct); // First: leaves that come meanwhile do no harm.
        var tree = new MerkleTree();
        var roots = new Dictionary<long, byte[]> { [0] = tree.Root(0) };
        var asked = checkpoints.Select(c => c.Size).ToHashSet();
        await foreach (var leaf in LeavesAsync(db, problems, ct))
        {
            if (leaf.Index != tree.Size) problems.Add($"Leaf {tree.Size} is missing; the next is {leaf.Index}.");
            tree.Append(leaf.Hash);
            if (asked.Contains(tree.Size)) roots[tree.Size] = tree.Root(tree.Size);
            if (problems.Count >= MaxProblems) break;
        }
        foreach (var checkpoint in checkpoints) Check(checkpoint, roots, problems);
        await FindUnloggedAsync(db, problems, ct);
        return new VerifyLogResult.Done(tree.Size, tree.Root(tree.Size), checkpoints.Count, problems.Count > MaxProblems ? problems[..MaxProblems] : problems);
    }

    private static async IAsyncEnumerable<LogLeaf> LeavesAsync(
        FleetDbContext db, List<string> problems, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        for (long from = 0; ;)
        {
            var page = await db.LogLeaves.AsNoTracking().Where(l => l.Index >= from).OrderBy(l => l.Index).Take(PageSize).ToListAsync(ct);
            if (page.Count == 0) yield break;
            var kept = await IssuedRecords.FindAsync(db, [.. page.Select(leaf => leaf.Serial)], ct);
            foreach (var leaf in page)
            {
                if (!kept.TryGetValue(leaf.Serial, out var certificate)) problems.Add($"Leaf {leaf.Index}: certificate {leaf.Serial} is in no table.");
                else if (!MerkleHash.OfLeaf(certificate).AsSpan().SequenceEqual(leaf.Hash)) problems.Add($"Leaf {leaf.Index}: certificate {leaf.Serial} is not the one that was logged.");
                yield return leaf;
            }
            from = page[^1].Index + 1;
        }
    }

    private void Check(LogCheckpoint stored, Dictionary<long, byte[]> roots, List<string> problems)
    {
        if (!Checkpoint.TryOpen(stored.Note, issued.Verifier, out var signed)) problems.Add($"The checkpoint of {stored.Size} leaves is not signed by the log's key.");
        else if (signed.Size != stored.Size || !signed.Root.AsSpan().SequenceEqual(stored.RootHash)) problems.Add($"The checkpoint of {stored.Size} leaves is not what was signed.");
        else if (!roots.TryGetValue(stored.Size, out var root)) problems.Add($"The log has signed for {stored.Size} leaves and has fewer.");
        else if (!root.AsSpan().SequenceEqual(stored.RootHash)) problems.Add($"The first {stored.Size} leaves are not those that were signed for.");
    }

    /// <summary>A certificate with a record and without a leaf was put there by somebody else than us.</summary>
    private static async Task FindUnloggedAsync(FleetDbContext db, List<string> problems, CancellationToken ct)
    {
        var unlogged = await db.Certificates.Where(c => c.LogIndex == null || !db.LogLeaves.Any(l => l.Index == c.LogIndex && l.Serial == c.Serial))
            .OrderBy(c => c.Serial).Select(c => c.Serial).Take(MaxProblems).ToListAsync(ct);
        problems.AddRange(unlogged.Select(serial => $"Certificate {serial} is not in the log."));
    }
}
