using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>Brings telemetry's tables to the shape this version needs.</summary>
public sealed class TelemetryDatabase(IDbContextFactory<TelemetryDbContext> databases, IDatabaseKind kind, ILogger<TelemetryDatabase> log)
{
    /// <exception cref="DatabaseUnusableException">It cannot be reached, is not fit, or may not be changed; the message says what to do.</exception>
    public async Task MigrateAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await kind.BringUpToDateAsync(db, log, ct);
    }
}
