using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Services;

/// <param name="Limit">At most this many; 1 to 1,000, and what is outside is brought inside.</param>
public sealed record FindServicesRequest(int Limit = 1_000);

public abstract record FindServicesResult
{
    private FindServicesResult() { }

    /// <summary>In the order of their names, also those revoked.</summary>
    public sealed record Found(IReadOnlyList<Service> Services) : FindServicesResult;
    public sealed record Forbidden : FindServicesResult;
}

public abstract record FindServiceResult
{
    private FindServiceResult() { }

    /// <summary>Its certificates come newest first.</summary>
    public sealed record Found(Service Service, IReadOnlyList<ServiceCertificate> Certificates) : FindServiceResult;
    public sealed record UnknownService : FindServiceResult;
    public sealed record Forbidden : FindServiceResult;
}

public sealed class FindServices(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1_000;

    public async Task<FindServicesResult> RunAsync(Actor actor, FindServicesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindServicesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        return new FindServicesResult.Found(await db.Services.AsNoTracking().OrderBy(s => s.Name).Take(limit).ToListAsync(ct));
    }

    public async Task<FindServiceResult> OneAsync(Actor actor, string name, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindServiceResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var service = await db.Services.AsNoTracking().SingleOrDefaultAsync(s => s.Name == name, ct);
        if (service is null) return new FindServiceResult.UnknownService();
        var certificates = await db.ServiceCertificates.AsNoTracking()
            .Where(c => c.ServiceName == name).OrderByDescending(c => c.NotBefore).ThenBy(c => c.Serial).ToListAsync(ct);
        return new FindServiceResult.Found(service, certificates);
    }
}
