using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>Brings telemetry's tables to the shape this version needs.</summary>
/// <param name="databases">Telemetry's database.</param>
/// <param name="prepare">What one kind of database needs before its migrations run.</param>
/// <param name="log">Says what was done.</param>
public sealed class TelemetryDatabase(
    IDbContextFactory<TelemetryDbContext> databases, Func<DbContext, CancellationToken, Task> prepare, ILogger<TelemetryDatabase> log)
{
    public async Task MigrateAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var pending = (await db.Database.GetPendingMigrationsAsync(ct)).ToList();
        if (pending.Count == 0) return;
        await prepare(db, ct);
        await db.Database.MigrateAsync(ct);
        FleetLog.DatabaseMigrated(log, pending.Count, pending[^1]);
    }
}
