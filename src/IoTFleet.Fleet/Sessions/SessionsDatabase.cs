using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Sessions;

/// <summary>Opens the broker's database, and brings it to the shape this version needs.</summary>
/// <param name="databases">The broker's database.</param>
/// <param name="prepare">What one kind of database needs before its migrations run.</param>
/// <param name="isTransient">Whether the same work may succeed when tried again soon, and it is certain that none of it is stored.</param>
/// <param name="log">Says what was done.</param>
public sealed class SessionsDatabase(
    IDbContextFactory<SessionsDbContext> databases, Func<DbContext, CancellationToken, Task> prepare, Func<Exception, bool> isTransient, ILogger<SessionsDatabase> log)
{
    public bool IsTransient(Exception error) => isTransient(error);

    public SessionsDbContext Open() => databases.CreateDbContext();

    public async Task MigrateAsync(CancellationToken ct)
    {
        await using var db = Open();
        var pending = (await db.Database.GetPendingMigrationsAsync(ct)).ToList();
        if (pending.Count == 0) return;
        await prepare(db, ct);
        await db.Database.MigrateAsync(ct);
        FleetLog.DatabaseMigrated(log, pending.Count, pending[^1]);
    }
}
