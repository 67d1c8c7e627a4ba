using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Manufacturers;

public abstract record FindManufacturersResult
{
    private FindManufacturersResult() { }

    /// <summary>By name, without those removed.</summary>
    public sealed record Found(IReadOnlyList<ManufacturerAuthority> Manufacturers) : FindManufacturersResult;
    public sealed record Forbidden : FindManufacturersResult;
}

public sealed class FindManufacturers(IDbContextFactory<FleetDbContext> databases)
{
    private const int Most = 1_000;

    public async Task<FindManufacturersResult> RunAsync(Actor actor, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindManufacturersResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = db.Manufacturers.AsNoTracking().Where(m => m.State != ManufacturerState.Removed);
        return new FindManufacturersResult.Found(await found.OrderBy(m => m.Name).ThenBy(m => m.Id).Take(Most).ToListAsync(ct));
    }
}
