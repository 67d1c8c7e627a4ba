using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Services;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <summary>A device that has nothing but certificates of an authority to come in with.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Until">The end of its longest.</param>
/// <param name="LastConnectedAt">Null when it never was.</param>
public sealed record DependentDevice(string DeviceId, DateTimeOffset Until, DateTimeOffset? LastConnectedAt);

/// <summary>Who would be shut out if an authority were believed no more.</summary>
public sealed class CertificatesInUse(BundleAdoption adoption, TimeProvider clock)
{
    private const int NamedHolders = 20;

    /// <summary>Devices whose live certificates are all of this authority, but for successors they have not come in with yet.</summary>
    internal IQueryable<Device> DependentDevices(FleetDbContext db, string authorityId)
    {
        var now = clock.GetUtcNow();
        return db.Devices.AsNoTracking().Where(d => d.State == DeviceState.Active
            && db.Certificates.Any(c => c.DeviceId == d.Id && c.RevokedAt == null && c.NotAfter > now && c.IssuerId == authorityId)
            && !db.Certificates.Any(c => c.DeviceId == d.Id && c.RevokedAt == null && c.NotAfter > now && c.IssuerId != authorityId && c.FirstUsedAt != null));
    }

    /// <summary>The first of them by id, with the end of their longest certificate of the authority.</summary>
    internal async Task<IReadOnlyList<DependentDevice>> FirstAsync(FleetDbContext db, IQueryable<Device> dependent, string authorityId, int limit, CancellationToken ct)
    {
        var found = await dependent.OrderBy(d => d.Id).Take(limit)
            .Select(d => new
            {
                d.Id,
                d.LastConnectedAt,
                Until = db.Certificates.Where(c => c.DeviceId == d.Id && c.RevokedAt == null && c.IssuerId == authorityId).OrderByDescending(c => c.NotAfter).Select(c => c.NotAfter).First(),
            })
            .ToListAsync(ct);
        return [.. found.Select(d => new DependentDevice(d.Id, d.Until, d.LastConnectedAt))];
    }

    /// <summary>The first of those who were seen lately; every service counts as seen.</summary>
    internal async Task<IReadOnlyList<string>> FindHoldersAsync(FleetDbContext db, Authority authority, CancellationToken ct) => authority.Purpose switch
    {
        AuthorityPurpose.Devices => await FindDevicesAsync(db, authority.Id, ct),
        AuthorityPurpose.Services => await FindServicesAsync(db, authority.Id, ct),
        AuthorityPurpose.Claims => await FindBatchesAsync(db, authority.Id, ct),
        AuthorityPurpose.Root => await FindBelieversAsync(db, ct),
        _ => [], // A node renews its own certificate when the authority for servers changes.
    };

    /// <summary>Authorities that hang on this one.</summary>
    internal async Task<IReadOnlyList<string>> FindBelowAsync(FleetDbContext db, Authority authority, CancellationToken ct)
    {
        if (authority.Purpose != AuthorityPurpose.Root) return [];
        var others = await db.Authorities.AsNoTracking().Where(a => a.Purpose != AuthorityPurpose.Root && a.State != AuthorityState.Removed).ToListAsync(ct);
        return [.. others.Where(other => IssuerOf(other) == authority.Id).Select(other => $"{other.Purpose} generation {other.Generation} ({other.State})")];
    }

    private async Task<IReadOnlyList<string>> FindDevicesAsync(FleetDbContext db, string authorityId, CancellationToken ct)
    {
        var since = adoption.SeenSince;
        var devices = await FirstAsync(db, DependentDevices(db, authorityId).Where(d => d.LastConnectedAt >= since), authorityId, NamedHolders, ct);
        return [.. devices.Select(device => $"device {device.DeviceId}, until {device.Until:u}")];
    }

    private async Task<IReadOnlyList<string>> FindServicesAsync(FleetDbContext db, string authorityId, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var live = db.ServiceCertificates.AsNoTracking().Where(c => c.RevokedAt == null && c.NotAfter > now);
        var names = await db.Services.Where(s => s.State == ServiceState.Active && live.Any(c => c.ServiceName == s.Name && c.IssuerId == authorityId))
            .OrderBy(s => s.Name).Select(s => s.Name).Take(NamedHolders).ToListAsync(ct);
        return [.. names.Select(name => $"service {name}")];
    }

    private async Task<IReadOnlyList<string>> FindBatchesAsync(FleetDbContext db, string authorityId, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var batches = await db.ClaimCertificates.AsNoTracking()
            .Where(c => c.IssuerId == authorityId && c.RevokedAt == null && c.NotAfter > now && db.ClaimBatches.Any(b => b.Id == c.BatchId && b.RevokedAt == null && b.ClosesAt > now))
            .Select(c => c.BatchId).Distinct().OrderBy(id => id).Take(NamedHolders).ToListAsync(ct);
        return [.. batches.Select(id => $"batch {id}")];
    }

    /// <summary>Devices that know no other root: they would no longer know this server.</summary>
    private async Task<IReadOnlyList<string>> FindBelieversAsync(FleetDbContext db, CancellationToken ct)
    {
        var active = await db.Authorities.AsNoTracking().FirstOrDefaultAsync(a => a.Purpose == AuthorityPurpose.Root && a.State == AuthorityState.Active, ct);
        if (active is null) return ["every device, as no other root is active"];
        var behind = await adoption.BehindAsync(db, active.Id, ct);
        return [.. behind.Select(id => $"device {id}, which has not said that it knows the new root")];
    }

    internal static string IssuerOf(Authority authority)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(authority.Der);
        return AuthorityId.OfIssuer(certificate);
    }
}
