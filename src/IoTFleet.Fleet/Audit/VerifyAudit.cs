using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Audit;

/// <param name="Anchors">What was seen of chains before, and kept elsewhere: those entries must still be there, with those hashes.</param>
public sealed record VerifyAuditRequest(IReadOnlyList<ChainAnchor> Anchors);

/// <summary>A place in a chain and the hash that belongs there.</summary>
public sealed record ChainAnchor(string Chain, long Sequence, string Hash);

public abstract record VerifyAuditResult
{
    private VerifyAuditResult() { }

    /// <summary>Sound when no problem was found; at most a hundred are named.</summary>
    /// <param name="Entries">That are links of a chain.</param>
    /// <param name="Older">From before there were chains: nothing protects them.</param>
    /// <param name="Heads">The end of each chain, to be kept elsewhere.</param>
    /// <param name="Problems">Where a chain is broken.</param>
    public sealed record Done(long Entries, long Older, IReadOnlyList<ChainAnchor> Heads, IReadOnlyList<string> Problems) : VerifyAuditResult;
    public sealed record Forbidden : VerifyAuditResult;
}

/// <summary>Walks each chain from its first link to its head and hashes every entry anew.</summary>
public sealed class VerifyAudit(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxProblems = 100;

    public async Task<VerifyAuditResult> RunAsync(Actor actor, VerifyAuditRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new VerifyAuditResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var heads = await db.AuditHeads.AsNoTracking().OrderBy(h => h.Chain).ToListAsync(ct);
        var walk = new Walk(request.Anchors);
        foreach (var head in heads) await walk.ChainAsync(db, head, ct); // Up to the heads of that moment; writers go on meanwhile.
        foreach (var stray in await db.Audit.Where(e => e.Chain != "" && !db.AuditHeads.Any(h => h.Chain == e.Chain)).Select(e => e.Chain).Distinct().ToListAsync(ct))
            walk.Problems.Add($"Chain {stray} has entries and no head.");
        foreach (var stray in await db.Audit.Where(e => db.AuditHeads.Any(h => h.Chain == e.Chain && e.Sequence > h.Sequence)).OrderBy(e => e.Id).Select(e => e.Id).Take(MaxProblems).ToListAsync(ct))
            walk.Problems.Add($"Row {stray} stands after the end of its chain.");
        walk.CheckAnchorsOf(heads);
        var older = await db.Audit.LongCountAsync(e => e.Chain == "", ct);
        return new VerifyAuditResult.Done(walk.Entries, older, [.. heads.Select(h => new ChainAnchor(h.Chain, h.Sequence, h.Hash))], [.. walk.Problems.Take(MaxProblems)]);
    }

    private sealed class Walk(IReadOnlyList<ChainAnchor> anchors)
    {
        internal List<string> Problems { get; } = [];
        internal long Entries { get; private set; }

        internal async Task ChainAsync(FleetDbContext db, AuditHead head, CancellationToken ct)
        {
            var (sequence, hash, id) = (0L, AuditLink.Genesis, 0L);
            var links = db.Audit.AsNoTracking().Where(e => e.Chain == head.Chain && e.Sequence <= head.Sequence).OrderBy(e => e.Sequence).ThenBy(e => e.Id);
            await foreach (var entry in links.AsAsyncEnumerable().WithCancellation(ct))
            {
                Entries++;
                if (Problems.Count >= MaxProblems) return;
                if (entry.Sequence != sequence + 1) Problems.Add($"Chain {head.Chain}: after entry {sequence} comes {entry.Sequence}; what was between is missing, or was moved.");
                if (entry.Id <= id) Problems.Add($"Chain {head.Chain}: entry {entry.Sequence} (row {entry.Id}) stands before the one it follows (row {id}).");
                if (entry.Hash != AuditLink.Hash(hash, entry)) Problems.Add($"Chain {head.Chain}: entry {entry.Sequence} (row {entry.Id}, {entry.Action} of {entry.Subject}) is not what was written.");
                if (anchors.FirstOrDefault(a => a.Chain == head.Chain && a.Sequence == entry.Sequence) is { } anchor && anchor.Hash != entry.Hash)
                    Problems.Add($"Chain {head.Chain}: entry {entry.Sequence} is another than was seen before.");
                (sequence, hash, id) = (entry.Sequence, entry.Hash, entry.Id); // What follows is judged by itself.
            }
            if ((sequence, hash) != (head.Sequence, head.Hash)) Problems.Add($"Chain {head.Chain}: the head says entry {head.Sequence}, the last link is {sequence}: the end is missing or was changed.");
        }

        internal void CheckAnchorsOf(List<AuditHead> heads)
        {
            foreach (var anchor in anchors)
            {
                if (heads.FirstOrDefault(h => h.Chain == anchor.Chain) is not { } head) Problems.Add($"Chain {anchor.Chain} was seen before and is gone.");
                else if (head.Sequence < anchor.Sequence) Problems.Add($"Chain {anchor.Chain}: entry {anchor.Sequence} was seen before, and the chain now ends at {head.Sequence}.");
            }
        }
    }
}
