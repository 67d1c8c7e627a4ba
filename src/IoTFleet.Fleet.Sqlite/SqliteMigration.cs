using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Sqlite;

internal static class SqliteMigration
{
    /// <summary>
    /// Migrating holds a lock that is a row of a table, and waits for it without end. An embedded database has one server,
    /// so a row found now was left by a start that was killed.
    /// </summary>
    internal static async Task PrepareAsync(FleetDbContext db, CancellationToken ct)
    {
        var locked = await db.Database
            .SqlQuery<int>($"SELECT COUNT(*) AS Value FROM sqlite_master WHERE name = '__EFMigrationsLock'").SingleAsync(ct);
        if (locked > 0) await db.Database.ExecuteSqlAsync($"DELETE FROM __EFMigrationsLock", ct);
    }
}
