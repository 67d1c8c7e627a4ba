using IoTFleet.Fleet.Devices;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <param name="Seen">Active devices that were connected lately.</param>
/// <param name="Holding">Those of them that said they hold a bundle which names the authority.</param>
public sealed record Adoption(int Seen, int Holding)
{
    /// <summary>Of a fleet in which nobody was seen, everybody holds it.</summary>
    public double Percent => Seen == 0 ? 100 : 100.0 * Holding / Seen;
}

/// <summary>Who knows an authority, by what devices say of the bundle they hold.</summary>
public sealed class BundleAdoption(RotationOptions options, TimeProvider clock)
{
    private const int NamedHolders = 20;

    internal DateTimeOffset SeenSince => clock.GetUtcNow() - TimeSpan.FromDays(options.SeenDays);

    /// <summary>The first version from which on every bundle names it; null when the newest does not.</summary>
    internal static async Task<long?> NamedSinceAsync(FleetDbContext db, string authorityId, CancellationToken ct)
    {
        long? since = null;
        var bundles = db.TrustBundles.AsNoTracking().OrderByDescending(bundle => bundle.Version).AsAsyncEnumerable();
        await foreach (var bundle in bundles.WithCancellation(ct))
        {
            if (!TrustBundleDocument.ReadOwn(bundle.Document).Contains(authorityId)) break;
            since = bundle.Version;
        }
        return since;
    }

    internal async Task<Adoption> CountAsync(FleetDbContext db, string authorityId, CancellationToken ct)
    {
        var seen = Seen(db);
        var since = await NamedSinceAsync(db, authorityId, ct) ?? long.MaxValue;
        return new Adoption(await seen.CountAsync(ct), await seen.CountAsync(d => d.TrustBundleVersion >= since, ct));
    }

    internal async Task<IReadOnlyList<string>> BehindAsync(FleetDbContext db, string authorityId, CancellationToken ct)
    {
        var since = await NamedSinceAsync(db, authorityId, ct) ?? long.MaxValue;
        return await Seen(db).Where(d => d.TrustBundleVersion == null || d.TrustBundleVersion < since).OrderBy(d => d.Id).Select(d => d.Id).Take(NamedHolders).ToListAsync(ct);
    }

    private IQueryable<Device> Seen(FleetDbContext db)
    {
        var since = SeenSince;
        return db.Devices.AsNoTracking().Where(d => d.State == DeviceState.Active && d.LastConnectedAt >= since);
    }
}
