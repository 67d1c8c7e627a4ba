using System.Text;

namespace IoTFleet.Fleet.Audit;

/// <summary>Writes down who did what. What was done is written in the transaction that does it; what was refused, on its own. Each entry becomes a link of the <see cref="AuditChain"/>.</summary>
public sealed class AuditTrail(FleetWriter writer, TimeProvider clock)
{
    private const string DoneOutcome = "done";
    private const string ForbiddenOutcome = "forbidden";

    /// <summary>The longest text that SQL Server puts into an index's key, and with room to spare for the others.</summary>
    private const int MaxText = 450;

    /// <summary>Joins the caller's unit of work.</summary>
    internal void Done(FleetDbContext db, Actor actor, string action, string subject, string? detail = null) =>
        Add(db, Entry(actor, action, subject, DoneOutcome, detail));

    /// <summary>Joins the caller's unit of work, with another outcome than done.</summary>
    internal void Write(FleetDbContext db, Actor actor, string action, string subject, string outcome, string? detail) =>
        Add(db, Entry(actor, action, subject, outcome, detail));

    internal Task ForbiddenAsync(Actor actor, string action, string subject, CancellationToken ct) =>
        RefusedAsync(actor, action, subject, ForbiddenOutcome, null, ct);

    /// <summary>A unit of its own, since there is nothing else to commit. A storm of refusals shares its commits.</summary>
    internal Task RefusedAsync(Actor actor, string action, string subject, string code, string? detail, CancellationToken ct)
    {
        var entry = Entry(actor, action, subject, code, detail);
        return writer.RunAsync(
            (db, _) =>
            {
                Add(db, entry);
                return Task.FromResult(true);
            }, ct);
    }

    /// <summary>A unit of the writer leaves it to the end of its transaction; saved otherwise, the <see cref="AuditChain"/> sees it.</summary>
    private static void Add(FleetDbContext db, AuditEntry entry)
    {
        if (db.Shared is { } shared) shared.Audit.Add(entry);
        else db.Audit.Add(entry);
    }

    private AuditEntry Entry(Actor actor, string action, string subject, string outcome, string? detail) => new()
    {
        At = clock.GetUtcNow(),
        ActorKind = actor.Kind,
        ActorName = actor.Name,
        Action = action,
        Subject = Short(subject),
        Outcome = outcome,
        Detail = detail is null ? null : Short(detail),
    };

    /// <summary>Part of it may have come from a peer. Neither the character zero nor half of a pair can be stored by every database.</summary>
    private static string Short(string text)
    {
        var cut = text.Length > MaxText ? text[..MaxText] : text;
        return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(cut)).Replace('\0', '\uFFFD');
    }
}
