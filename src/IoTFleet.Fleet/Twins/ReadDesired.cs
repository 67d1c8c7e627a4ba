using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Twins;

/// <param name="DeviceId">Whose document.</param>
/// <param name="Since">The version the device has; null for the whole document.</param>
public sealed record ReadDesiredRequest(string DeviceId, long? Since);

/// <summary>What a device is told.</summary>
/// <param name="Version">The newest version.</param>
/// <param name="From">The version that <paramref name="Json"/> is a patch on; null when it is the whole document.</param>
/// <param name="Json">The document, or a merge patch.</param>
public sealed record DesiredNews(long Version, long? From, string Json);

/// <summary>Reads for a device what is wanted of it: all of it, or one patch over everything that has changed since a version. It asks for nobody but itself, so there is no actor.</summary>
public sealed class ReadDesired(IDbContextFactory<FleetDbContext> databases, TwinWriter twins, TimeProvider clock)
{
    /// <summary>How far above the known one a device's version is believed: nobody changes a document as often between a backup and its restoring.</summary>
    private const long MostAhead = 1_000_000;

    public async Task<DesiredNews> RunAsync(ReadDesiredRequest request, CancellationToken ct)
    {
        var twin = await FindAsync(request.DeviceId, ct);
        if (request.Since is not { } since) return Whole(twin);
        if (since > twin.DesiredVersion && since <= twin.DesiredVersion + MostAhead) return await GoOnAboveAsync(request.DeviceId, since, ct);
        return DesiredHistory.DocumentAt(twin, since) is { } had ? new DesiredNews(twin.DesiredVersion, since, MergePatch.Between(had, twin.Desired)) : Whole(twin);
    }

    /// <summary>What to tell a device whose document has just changed: all of it, and what is new since the version before.</summary>
    public static (DesiredNews Whole, DesiredNews Change) NewestOf(DeviceTwin twin)
    {
        var before = twin.DesiredVersion - 1;
        var change = DesiredHistory.DocumentAt(twin, before) is { } had ? new DesiredNews(twin.DesiredVersion, before, MergePatch.Between(had, twin.Desired)) : Whole(twin);
        return (Whole(twin), change);
    }

    /// <inheritdoc cref="NewestOf"/>
    public async Task<(DesiredNews Whole, DesiredNews Change)> NewestAsync(string device, CancellationToken ct) => NewestOf(await FindAsync(device, ct));

    private async Task<DeviceTwin> FindAsync(string device, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Twins.AsNoTracking().SingleOrDefaultAsync(twin => twin.DeviceId == device, ct) ?? new DeviceTwin { DeviceId = device };
    }

    private Task<DesiredNews> GoOnAboveAsync(string device, long since, CancellationToken ct) => twins.ChangeAsync(device, (_, twin, _) =>
    {
        var behind = since > twin.DesiredVersion;
        if (behind) twin.GoOnAbove(since, clock.GetUtcNow());
        return Task.FromResult(new TwinChange<DesiredNews>(Whole(twin), behind));
    }, ct);

    private static DesiredNews Whole(DeviceTwin twin) => new(twin.DesiredVersion, null, twin.Desired);
}
