using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace IoTFleet.Fleet.Audit;

/// <summary>
/// Makes every audit entry a link of this node's chain as it is saved, whoever saves it. The head's row is written in the same transaction,
/// and its lock keeps two that save at once from following the same link. Registered with the database, so no use case can go round it.
/// </summary>
public sealed class AuditChain(FleetNode node) : SaveChangesInterceptor
{
    private static readonly CompiledFor<Func<FleetDbContext, string, CancellationToken, Task<Head?>>> ReadHead =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string chain, CancellationToken ct) =>
            db.AuditHeads.Where(h => h.Chain == chain).Select(h => new Head(h.Sequence, h.Hash)).SingleOrDefault()));

    /// <summary>Links and saves them, in the transaction that is under way.</summary>
    internal async Task AppendAsync(FleetDbContext db, IReadOnlyList<AuditEntry> entries, CancellationToken ct)
    {
        if (entries.Count == 0) return;
        await LinkAsync(db, entries, ct);
        foreach (var entry in entries) await db.Statements.InsertAsync(entry, ct);
    }

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (eventData.Context is FleetDbContext db && NewEntries(db) is { Count: > 0 } entries)
        {
            if (db.Shared is { } shared) HoldBack(db, shared, entries);
            else await LinkNowAsync(db, entries, cancellationToken);
        }
        return result;
    }

    public override async ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        if (eventData.Context is FleetDbContext { OwnTransaction: { } transaction } db)
        {
            await using (transaction) await transaction.CommitAsync(cancellationToken);
            db.OwnTransaction = null;
        }
        return result;
    }

    public override async Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default) => await UndoAsync(eventData.Context);

    public override async Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default) => await UndoAsync(eventData.Context);

    /// <summary>An entry saved without its link could not be told from one that somebody put in.</summary>
    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result) =>
        eventData.Context is FleetDbContext db && NewEntries(db).Count > 0
            ? throw new NotSupportedException("Audit entries are saved by SaveChangesAsync.")
            : result;

    private static async Task UndoAsync(DbContext? context)
    {
        if (context is not FleetDbContext { OwnTransaction: { } transaction } db) return;
        await transaction.DisposeAsync();
        db.OwnTransaction = null;
        foreach (var entry in db.ChangeTracker.Entries<AuditEntry>().Where(entry => entry.State == EntityState.Added)) entry.Entity.Hash = ""; // Its link is undone too.
    }

    private static List<AuditEntry> NewEntries(FleetDbContext db)
    {
        var entries = new List<AuditEntry>();
        foreach (var entry in db.ChangeTracker.Entries<AuditEntry>())
        {
            if (entry.State == EntityState.Added && entry.Entity.Hash.Length == 0) entries.Add(entry.Entity);
        }
        return entries;
    }

    private static void HoldBack(FleetDbContext db, SharedTransaction shared, List<AuditEntry> entries)
    {
        foreach (var entry in entries) db.Entry(entry).State = EntityState.Detached;
        shared.Audit.AddRange(entries);
    }

    private async Task LinkNowAsync(FleetDbContext db, List<AuditEntry> entries, CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is null) db.OwnTransaction = await db.Database.BeginTransactionAsync(ct);
        await LinkAsync(db, entries, ct);
    }

    private async Task LinkAsync(FleetDbContext db, IReadOnlyList<AuditEntry> entries, CancellationToken ct)
    {
        var (sequence, hash) = await TakeHeadAsync(db, entries.Count, ct);
        foreach (var entry in entries)
        {
            (entry.Chain, entry.Sequence) = (node.Name, ++sequence);
            entry.Hash = hash = AuditLink.Hash(hash, entry);
        }
        await db.AuditHeads.Where(h => h.Chain == node.Name).ExecuteUpdateAsync(set => set.SetProperty(h => h.Hash, hash), ct);
    }

    /// <summary>The update comes first: it locks the row until the transaction ends, on every database.</summary>
    private async Task<Head> TakeHeadAsync(FleetDbContext db, int links, CancellationToken ct)
    {
        var taken = await db.AuditHeads.Where(h => h.Chain == node.Name)
            .ExecuteUpdateAsync(set => set.SetProperty(h => h.Sequence, h => h.Sequence + links), ct);
        if (taken == 1) return await ReadHead.In(db)(db, node.Name, ct) is { } head ? head with { Sequence = head.Sequence - links } : throw new InvalidOperationException("The chain's head is gone.");
        await db.Database.ExecuteSqlAsync($"""INSERT INTO "AuditHeads" ("Chain", "Sequence", "Hash") VALUES ({node.Name}, {(long)links}, {AuditLink.Genesis})""", ct);
        return new Head(0, AuditLink.Genesis);
    }

    private sealed record Head(long Sequence, string Hash);
}
