using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <param name="Authority">The row.</param>
/// <param name="KeyHere">Whether this node can sign with it.</param>
/// <param name="LiveCertificates">Unexpired, unrevoked certificates of devices and services that it signed.</param>
/// <param name="Adoption">Who of the devices seen lately holds a bundle that names it; null where devices are told nothing of it.</param>
public sealed record AuthorityOverview(Authority Authority, bool KeyHere, int LiveCertificates, Adoption? Adoption);

public abstract record FindAuthoritiesResult
{
    private FindAuthoritiesResult() { }

    public sealed record Found(IReadOnlyList<AuthorityOverview> Authorities, long BundleVersion) : FindAuthoritiesResult;
    public sealed record Forbidden : FindAuthoritiesResult;
}

/// <summary>All generations of all authorities, with what hangs on each.</summary>
public sealed class FindAuthorities(IDbContextFactory<FleetDbContext> databases, AuthorityDirectory directory, BundleAdoption adoption, TimeProvider clock)
{
    public async Task<FindAuthoritiesResult> RunAsync(Actor actor, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindAuthoritiesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Authorities.AsNoTracking().ToListAsync(ct);
        var found = new List<AuthorityOverview>();
        foreach (var row in rows.OrderBy(row => row.Purpose).ThenBy(row => row.Generation)) found.Add(await LookAsync(db, row, ct));
        return new FindAuthoritiesResult.Found(found, directory.Current.BundleVersion);
    }

    private async Task<AuthorityOverview> LookAsync(FleetDbContext db, Authority row, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var live = await db.Certificates.CountAsync(c => c.IssuerId == row.Id && c.RevokedAt == null && c.NotAfter > now, ct)
            + await db.ServiceCertificates.CountAsync(c => c.IssuerId == row.Id && c.RevokedAt == null && c.NotAfter > now, ct);
        var isTold = row.Purpose is Pki.AuthorityPurpose.Root or Pki.AuthorityPurpose.Devices or Pki.AuthorityPurpose.Servers && row.State is not AuthorityState.Removed;
        return new AuthorityOverview(row, directory.ById(row.Id) is not null, live, isTold ? await adoption.CountAsync(db, row.Id, ct) : null);
    }
}
