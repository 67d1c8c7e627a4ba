using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Audit;

/// <param name="Subject">Only entries about it.</param>
/// <param name="Action">Only this action, or with a dot at the end all that begin so.</param>
/// <param name="Outcome">Only with this outcome.</param>
/// <param name="Actor">Only by this actor's name.</param>
/// <param name="From">Not before.</param>
/// <param name="To">Before.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 500, and what is outside is brought inside.</param>
public sealed record FindAuditRequest(
    string? Subject = null, string? Action = null, string? Outcome = null, string? Actor = null, DateTimeOffset? From = null, DateTimeOffset? To = null,
    long? Cursor = null, int Limit = 100);

public abstract record FindAuditResult
{
    private FindAuditResult() { }

    /// <summary>Newest first; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<AuditEntry> Entries, long? Next) : FindAuditResult;
    public sealed record Forbidden : FindAuditResult;
}

public sealed class FindAudit(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 500;

    public async Task<FindAuditResult> RunAsync(Actor actor, FindAuditRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindAuditResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var entries = await Matching(db, request).OrderByDescending(e => e.Id).Take(limit + 1).ToListAsync(ct);
        if (entries.Count <= limit) return new FindAuditResult.Page(entries, null);
        entries.RemoveAt(limit); // It was read only to know that there is more.
        return new FindAuditResult.Page(entries, entries[^1].Id);
    }

    private static IQueryable<AuditEntry> Matching(FleetDbContext db, FindAuditRequest request)
    {
        var entries = db.Audit.AsNoTracking();
        if (request.Cursor is { } cursor) entries = entries.Where(e => e.Id < cursor);
        if (request.Subject is { } subject) entries = entries.Where(e => e.Subject == subject);
        if (request.Outcome is { } outcome) entries = entries.Where(e => e.Outcome == outcome);
        if (request.Actor is { } name) entries = entries.Where(e => e.ActorName == name);
        if (request.From is { } from) entries = entries.Where(e => e.At >= from);
        if (request.To is { } to) entries = entries.Where(e => e.At < to);
        if (request.Action is not { } action) return entries;
        return action.EndsWith('.') ? entries.Where(e => e.Action.StartsWith(action)) : entries.Where(e => e.Action == action);
    }
}
