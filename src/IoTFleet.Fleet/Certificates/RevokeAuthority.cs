using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <param name="AuthorityId">Its subject key identifier, lower-case hex.</param>
/// <param name="Confirm">The number of good certificates that end with it; must be right, except for a dry run.</param>
public sealed record RevokeAuthorityRequest(string AuthorityId, RevocationReason Reason, int? Confirm = null, bool DryRun = false);

public abstract record RevokeAuthorityResult
{
    private RevokeAuthorityResult() { }

    public sealed record Revoked(string AuthorityId, int Certificates) : RevokeAuthorityResult;
    public sealed record Counted(int Certificates) : RevokeAuthorityResult;
    public sealed record CountMismatch(int Certificates, int? Given) : RevokeAuthorityResult;
    public sealed record AlreadyRevoked : RevokeAuthorityResult;
    public sealed record UnknownAuthority : RevokeAuthorityResult;

    /// <summary>Devices of a root are those of its authorities.</summary>
    public sealed record IsRoot : RevokeAuthorityResult;
    public sealed record Forbidden : RevokeAuthorityResult;
}

/// <summary>
/// Shuts out everything that one generation of an authority has issued, in one row: its key is in wrong hands. It signs nothing more;
/// another generation has to be active before anybody can enrol again.
/// </summary>
public sealed class RevokeAuthority(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, AuditTrail audit, TimeProvider clock, ILogger<RevokeAuthority> log)
{
    private const string Action = "authority.revoke";

    public async Task<RevokeAuthorityResult> RunAsync(Actor actor, RevokeAuthorityRequest request, CancellationToken ct)
    {
        // An administrator's: it concerns the whole fleet.
        if (!actor.May(Permission.RevokeDevices | Permission.ManageAuthorities))
        {
            await audit.ForbiddenAsync(actor, Action, request.AuthorityId, ct);
            return new RevokeAuthorityResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var authority = await db.Authorities.AsNoTracking().SingleOrDefaultAsync(a => a.Id == request.AuthorityId, ct);
        if (authority is null) return new RevokeAuthorityResult.UnknownAuthority();
        if (authority.Purpose == AuthorityPurpose.Root) return new RevokeAuthorityResult.IsRoot();
        var certificates = await CountAsync(db, authority.Id, ct);
        if (request.DryRun) return new RevokeAuthorityResult.Counted(certificates);
        if (authority.RevokedAt is not null) return new RevokeAuthorityResult.AlreadyRevoked();
        if (request.Confirm != certificates) return new RevokeAuthorityResult.CountMismatch(certificates, request.Confirm);

        await RevokeAsync(db, request, ct);
        feed.Append(db, RevocationKind.AuthorityRevoked, authority.Id);
        audit.Done(db, actor, Action, authority.Id, $"{request.Reason}, {certificates} certificates end with it");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        feed.Announce();
        FleetLog.AuthorityRevoked(log, authority.Id, authority.Purpose, authority.Generation, certificates, actor.Name);
        return new RevokeAuthorityResult.Revoked(authority.Id, certificates);
    }

    private async Task<int> CountAsync(FleetDbContext db, string id, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Certificates.CountAsync(c => c.IssuerId == id && c.RevokedAt == null && c.NotAfter >= now, ct)
            + await db.ServiceCertificates.CountAsync(c => c.IssuerId == id && c.RevokedAt == null && c.NotAfter >= now, ct)
            + await db.ClaimCertificates.CountAsync(c => c.IssuerId == id && c.RevokedAt == null && c.NotAfter >= now, ct);
    }

    private Task<int> RevokeAsync(FleetDbContext db, RevokeAuthorityRequest request, CancellationToken ct)
    {
        var at = clock.GetUtcNow();
        DateTimeOffset? now = at;
        RevocationReason? reason = request.Reason;
        return db.Authorities.Where(a => a.Id == request.AuthorityId).ExecuteUpdateAsync(set => set
            .SetProperty(a => a.State, AuthorityState.Removed).SetProperty(a => a.StateChangedAt, at)
            .SetProperty(a => a.RevokedAt, now).SetProperty(a => a.RevocationReason, reason), ct);
    }
}
