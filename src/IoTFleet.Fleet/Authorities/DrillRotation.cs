using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

public enum DrillStep { Activate, Remove }

/// <param name="Purpose">Whose rotation is rehearsed.</param>
/// <param name="Limit">Devices named at most for each step; all are counted.</param>
public sealed record DrillRotationRequest(AuthorityPurpose Purpose, int Limit = 100);

/// <summary>A device that a step would catch unprepared today.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="Reason">One of <see cref="DrillReasons"/>.</param>
/// <param name="Breaks">Whether the step would cut it off; else it is only behind, and holds up the step's gate.</param>
/// <param name="Detail">What is known: versions, dates.</param>
public sealed record UnpreparedDevice(string DeviceId, string Reason, bool Breaks, string Detail);

public static class DrillReasons
{
    /// <summary>It has said that it holds a bundle older than the one that names the authority.</summary>
    public const string BundleTooOld = "bundle-too-old";

    /// <summary>It has never said which bundle it holds.</summary>
    public const string BundleUnknown = "bundle-unknown";

    /// <summary>It has nothing but certificates of the authority that would be removed.</summary>
    public const string OldCertificate = "certificate-of-old-generation";
}

/// <param name="Step">What was rehearsed.</param>
/// <param name="AuthorityId">Of which authority.</param>
/// <param name="Generation">Its generation.</param>
/// <param name="State">Where it is now.</param>
/// <param name="Allowed">Whether the step would be taken without force today.</param>
/// <param name="Problem">Why not.</param>
/// <param name="Unprepared">How many devices it would catch unprepared.</param>
/// <param name="Breaking">How many of them it would cut off.</param>
/// <param name="OfflineUnprepared">How many of the unprepared were not seen lately, so that they hold nothing up.</param>
/// <param name="Devices">The first of them.</param>
public sealed record DrillReport(
    DrillStep Step, string AuthorityId, int Generation, AuthorityState State, bool Allowed, string? Problem, int Unprepared, int Breaking, int OfflineUnprepared,
    IReadOnlyList<UnpreparedDevice> Devices);

public abstract record DrillRotationResult
{
    private DrillRotationResult() { }

    /// <param name="Reports">One for the next generation's activation, if there is a next one, and one for each generation that waits for its removal.</param>
    /// <param name="Devices">Active devices in all.</param>
    /// <param name="Out">Active devices without any live certificate: no step makes a difference to them.</param>
    public sealed record Rehearsed(IReadOnlyList<DrillReport> Reports, int Devices, int Out) : DrillRotationResult;
    public sealed record Forbidden : DrillRotationResult;
}

/// <summary>Goes through a rotation without doing any of it: which devices would be caught unprepared if it went on today, and why.</summary>
public sealed class DrillRotation(IDbContextFactory<FleetDbContext> databases, BundleAdoption adoption, CertificatesInUse use, RotationOptions options, TimeProvider clock)
{
    public async Task<DrillRotationResult> RunAsync(Actor actor, DrillRotationRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new DrillRotationResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = clock.GetUtcNow();
        var generations = await db.Authorities.AsNoTracking().Where(a => a.Purpose == request.Purpose).OrderBy(a => a.Generation).ToListAsync(ct);
        var reports = new List<DrillReport>();
        foreach (var next in generations.Where(a => a.State is AuthorityState.Prepared or AuthorityState.Published)) reports.Add(await ActivationAsync(db, next, request.Limit, ct));
        foreach (var old in generations.Where(a => a.State is AuthorityState.Retiring or AuthorityState.Tainted)) reports.Add(await RemovalAsync(db, old, request.Limit, ct));
        var active = db.Devices.Where(d => d.State == DeviceState.Active);
        var outside = await active.CountAsync(d => !db.Certificates.Any(c => c.DeviceId == d.Id && c.RevokedAt == null && c.NotAfter > now), ct);
        return new DrillRotationResult.Rehearsed(reports, await active.CountAsync(ct), outside);
    }

    /// <summary>An activation cuts nobody off while the former generation is believed and roots vouch for each other; who is behind holds up its gate.</summary>
    private async Task<DrillReport> ActivationAsync(FleetDbContext db, Authority next, int limit, CancellationToken ct)
    {
        if (next.Purpose is AuthorityPurpose.Services or AuthorityPurpose.Claims)
            return new DrillReport(DrillStep.Activate, next.Id, next.Generation, next.State, next.State == AuthorityState.Published, Published(next), 0, 0, 0, []);
        var named = await BundleAdoption.NamedSinceAsync(db, next.Id, ct);
        var behind = Behind(db, named);
        var knowing = await KnowingServerSinceAsync(db, next, ct);
        var count = await behind.CountAsync(ct);
        var breaking = knowing is null ? 0 : await Behind(db, knowing).CountAsync(ct);
        var found = await adoption.CountAsync(db, next.Id, ct);
        var problem = Published(next) ?? (found.Percent < options.AdoptionPercent ? $"{found.Holding} of {found.Seen} devices seen lately hold a bundle with it; {options.AdoptionPercent} % must" : null);
        var devices = await behind.OrderBy(d => d.Id).Take(limit).Select(d => new { d.Id, d.TrustBundleVersion, d.LastConnectedAt }).ToListAsync(ct);
        return new DrillReport(DrillStep.Activate, next.Id, next.Generation, next.State, problem is null, problem, count, breaking, await OfflineAsync(behind, ct),
            [.. devices.Select(d => BehindDevice(d.Id, d.TrustBundleVersion, d.LastConnectedAt, named, breaks: knowing is not null && (d.TrustBundleVersion ?? 0) < knowing))]);
    }

    private async Task<DrillReport> RemovalAsync(FleetDbContext db, Authority old, int limit, CancellationToken ct)
    {
        var below = await use.FindBelowAsync(db, old, ct);
        var holders = await use.FindHoldersAsync(db, old, ct);
        var problem = below.Count > 0 ? $"still believed below it: {string.Join(", ", below)}" : holders.Count > 0 ? "certificates of it are in use" : null;
        return old.Purpose switch
        {
            AuthorityPurpose.Devices => await CertificateRemovalAsync(db, old, problem, limit, ct),
            AuthorityPurpose.Root => await RootRemovalAsync(db, old, problem, limit, ct),
            _ => new DrillReport(DrillStep.Remove, old.Id, old.Generation, old.State, problem is null, problem ?? string.Join(", ", holders), 0, 0, 0, []),
        };
    }

    private async Task<DrillReport> CertificateRemovalAsync(FleetDbContext db, Authority old, string? problem, int limit, CancellationToken ct)
    {
        var dependent = use.DependentDevices(db, old.Id);
        var since = adoption.SeenSince;
        var count = await dependent.CountAsync(ct);
        var devices = await use.FirstAsync(db, dependent, old.Id, limit, ct);
        return new DrillReport(DrillStep.Remove, old.Id, old.Generation, old.State, problem is null, problem, count, count,
            await dependent.CountAsync(d => d.LastConnectedAt == null || d.LastConnectedAt < since, ct),
            [.. devices.Select(d => new UnpreparedDevice(d.DeviceId, DrillReasons.OldCertificate, true, $"its certificate ends {d.Until:u}; {Seen(d.LastConnectedAt)}"))]);
    }

    /// <summary>Who does not know the root that is left would no longer know this server.</summary>
    private async Task<DrillReport> RootRemovalAsync(FleetDbContext db, Authority old, string? problem, int limit, CancellationToken ct)
    {
        var left = await db.Authorities.AsNoTracking().FirstOrDefaultAsync(a => a.Purpose == AuthorityPurpose.Root && a.State == AuthorityState.Active, ct);
        var named = left is null ? null : await BundleAdoption.NamedSinceAsync(db, left.Id, ct);
        var behind = Behind(db, named);
        var count = await behind.CountAsync(ct);
        var devices = await behind.OrderBy(d => d.Id).Take(limit).Select(d => new { d.Id, d.TrustBundleVersion, d.LastConnectedAt }).ToListAsync(ct);
        return new DrillReport(DrillStep.Remove, old.Id, old.Generation, old.State, problem is null, problem, count, count, await OfflineAsync(behind, ct),
            [.. devices.Select(d => BehindDevice(d.Id, d.TrustBundleVersion, d.LastConnectedAt, named, breaks: true))]);
    }

    private static IQueryable<Device> Behind(FleetDbContext db, long? named) => db.Devices.AsNoTracking()
        .Where(d => d.State == DeviceState.Active && (named == null || d.TrustBundleVersion == null || d.TrustBundleVersion < named));

    private Task<int> OfflineAsync(IQueryable<Device> devices, CancellationToken ct)
    {
        var since = adoption.SeenSince;
        return devices.CountAsync(d => d.LastConnectedAt == null || d.LastConnectedAt < since, ct);
    }

    /// <summary>
    /// An authority for servers below a new root is known only to who knows that root, unless the old one vouches for it.
    /// Null when nobody needs to know more than he does; else the bundle that first names the root.
    /// </summary>
    private static async Task<long?> KnowingServerSinceAsync(FleetDbContext db, Authority next, CancellationToken ct)
    {
        if (next.Purpose != AuthorityPurpose.Servers || await db.ServerCertificates.AnyAsync(c => c.Profile == BundleLedger.CrossProfile && c.Subject == next.Id, ct)) return null;
        var roots = await db.Authorities.AsNoTracking().Where(a => a.Purpose == AuthorityPurpose.Root && a.State != AuthorityState.Removed && a.State != AuthorityState.Prepared).ToListAsync(ct);
        var root = CertificatesInUse.IssuerOf(next);
        return roots.Any(other => other.Id != root) ? await BundleAdoption.NamedSinceAsync(db, root, ct) ?? long.MaxValue : null;
    }

    private static UnpreparedDevice BehindDevice(string id, long? held, DateTimeOffset? lastConnected, long? named, bool breaks)
    {
        var wanted = named is null ? "no bundle names it yet" : $"bundle {named} names it first";
        return held is null
            ? new UnpreparedDevice(id, DrillReasons.BundleUnknown, breaks, $"{wanted}; {Seen(lastConnected)}")
            : new UnpreparedDevice(id, DrillReasons.BundleTooOld, breaks, $"holds bundle {held}, {wanted}; {Seen(lastConnected)}");
    }

    private static string? Published(Authority next) => next.State == AuthorityState.Published ? null : "it is not published yet";

    private static string Seen(DateTimeOffset? lastConnected) => lastConnected is { } at ? $"last connected {at:u}" : "never connected";
}
