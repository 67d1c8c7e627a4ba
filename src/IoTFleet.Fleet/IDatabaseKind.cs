using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet;

/// <summary>What differs between the databases beside SQL. The model, its migrations and the order of writers are set where a context is configured.</summary>
public interface IDatabaseKind
{
    /// <summary>Whether it can be reached and is fit for the fleet. The context may be one of any model.</summary>
    /// <exception cref="DatabaseUnusableException">It is not.</exception>
    Task CheckAsync(DbContext db, CancellationToken ct);

    /// <summary>Brings the tables to the shape that this version needs. Of several nodes that start together one does it, and the others wait for it.</summary>
    /// <returns>The migrations that this call applied, oldest first; mostly there is nothing to do.</returns>
    Task<IReadOnlyList<string>> MigrateAsync(DbContext db, CancellationToken ct);

    /// <summary>Whether the database could not be asked, or gave way to somebody else, so that the same may succeed when asked again.</summary>
    bool IsAway(Exception error);

    /// <summary>One line for the operator: what, which and what to do. Holds no secret.</summary>
    string Explain(DbException error);
}

/// <summary>The database cannot be used as it is; the message is one line for the operator and holds no secret.</summary>
public sealed class DatabaseUnusableException(string message, Exception? cause = null) : Exception(message, cause);

public static class DatabaseKinds
{
    /// <summary>Asks what is pending and applies it, while whoever calls keeps others from doing the same.</summary>
    public static async Task<IReadOnlyList<string>> ApplyPendingAsync(this DbContext db, CancellationToken ct)
    {
        var pending = (await db.Database.GetPendingMigrationsAsync(ct)).ToList();
        if (pending.Count > 0) await db.Database.MigrateAsync(ct);
        return pending;
    }

    /// <exception cref="DatabaseUnusableException">It cannot be reached, is not fit, or may not be changed; the message says what to do.</exception>
    internal static async Task BringUpToDateAsync(this IDatabaseKind kind, DbContext db, ILogger log, CancellationToken ct)
    {
        try
        {
            await kind.CheckAsync(db, ct);
            if (await kind.MigrateAsync(db, ct) is { Count: > 0 } applied) FleetLog.DatabaseMigrated(log, applied.Count, applied[^1]);
        }
        catch (Exception error) when (error.Find<DbException>() is { } said) // EF wraps what it takes for passing.
        {
            throw new DatabaseUnusableException(kind.Explain(said), error);
        }
    }
}
