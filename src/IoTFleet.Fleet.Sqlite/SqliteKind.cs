using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Sqlite;

internal sealed class SqliteKind(string databaseFile) : IDatabaseKind
{
    private const int Busy = 5; // SQLITE_BUSY
    private const int Locked = 6; // SQLITE_LOCKED

    /// <summary>The file is made when it is first used.</summary>
    public Task CheckAsync(DbContext db, CancellationToken ct) => Task.CompletedTask;

    public async Task<IReadOnlyList<string>> MigrateAsync(DbContext db, CancellationToken ct)
    {
        if (!(await db.Database.GetPendingMigrationsAsync(ct)).Any()) return [];
        await SqliteMigration.PrepareAsync(db, ct);
        return await db.ApplyPendingAsync(ct);
    }

    public bool IsAway(Exception error) => IsBusy(error);

    /// <summary>Another writer was in the way; SQLite gives the whole transaction back, so nothing of it is stored.</summary>
    internal static bool IsBusy(Exception error) => error.Find<SqliteException>() is { SqliteErrorCode: Busy or Locked };

    public string Explain(DbException error) => $"The database {databaseFile} cannot be used: {error.Message}";
}
