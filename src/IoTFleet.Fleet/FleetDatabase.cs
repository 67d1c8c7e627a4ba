using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet;

/// <summary>The fleet's database as a whole: brings it to the shape this version needs, and knows when it is away.</summary>
public sealed class FleetDatabase(IDbContextFactory<FleetDbContext> databases, IDatabaseKind kind, ILogger<FleetDatabase> log)
{
    /// <summary>Whether the database could not be asked, or gave way to somebody else, so that the same may succeed when asked again.</summary>
    public bool IsAway(Exception error) => kind.IsAway(error);

    /// <exception cref="DatabaseUnusableException">It cannot be reached, is not fit, or may not be changed; the message says what to do.</exception>
    public async Task MigrateAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await kind.BringUpToDateAsync(db, log, ct);
    }
}
