using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Sqlite;

internal static class SqliteMigration
{
    internal static async Task PrepareAsync(DbContext db, CancellationToken ct)
    {
        // Kept by the file from here on. Readers and the one writer stay out of each other's way, and a commit costs one flush.
        await db.Database.ExecuteSqlAsync($"PRAGMA journal_mode = WAL", ct);
        await ForgetKilledMigrationAsync(db, ct);
    }

    /// <summary>
    /// Migrating holds a lock that is a row of a table, and waits for it without end. An embedded database has one server,
    /// so a row found now was left by a start that was killed.
    /// </summary>
    private static async Task ForgetKilledMigrationAsync(DbContext db, CancellationToken ct)
    {
        var tables = await db.Database
            .SqlQuery<int>($"SELECT COUNT(*) AS Value FROM sqlite_master WHERE name = '__EFMigrationsLock'").SingleAsync(ct);
        if (tables > 0) await db.Database.ExecuteSqlAsync($"DELETE FROM __EFMigrationsLock", ct);
    }
}
