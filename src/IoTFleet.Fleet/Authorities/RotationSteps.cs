using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Authorities;

/// <summary>
/// What all steps of a rotation share: the permission, one unit in which state, trust bundle and audit row change together, and the new snapshot after the commit.
/// </summary>
public sealed class RotationSteps(
    FleetWriter writer, AuthorityDirectory directory, FleetAuthorities folder, AuditTrail audit, TimeProvider clock, ILogger<RotationSteps> log)
{
    private const string NotReady = "not-ready"; // An operator is told why; no device ever is.

    internal DateTimeOffset Now => clock.GetUtcNow();

    /// <param name="change">Null when it was done; else why not.</param>
    internal async Task<RotationResult> RunAsync(
        Actor actor, string action, string id, Func<FleetDbContext, Authority, CancellationToken, Task<RotationResult?>> change, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageAuthorities))
        {
            await audit.ForbiddenAsync(actor, action, id, ct);
            return new RotationResult.Forbidden();
        }

        var result = await writer.RunAsync((db, inner) => ChangeAsync(db, actor, action, id, change, inner), result => result is RotationResult.Done, ct);
        if (result is RotationResult.Done done)
        {
            await directory.ReloadAsync(ct);
            FleetLog.AuthorityChanged(log, done.Authority.Purpose, done.Authority.Generation, done.Authority.State, actor.Name);
        }
        else if (Reason(result) is { } reason)
        {
            await audit.RefusedAsync(actor, action, id, NotReady, reason, ct);
        }
        return result;
    }

    internal async Task SetStateAsync(FleetDbContext db, string id, AuthorityState state, CancellationToken ct)
    {
        var now = Now;
        await db.Authorities.Where(a => a.Id == id).ExecuteUpdateAsync(set => set.SetProperty(a => a.State, state).SetProperty(a => a.StateChangedAt, now), ct);
    }

    private async Task<RotationResult> ChangeAsync(
        FleetDbContext db, Actor actor, string action, string id, Func<FleetDbContext, Authority, CancellationToken, Task<RotationResult?>> change, CancellationToken ct)
    {
        if (await db.Authorities.AsNoTracking().SingleOrDefaultAsync(a => a.Id == id, ct) is not { } authority) return new RotationResult.UnknownAuthority();
        if (await change(db, authority, ct) is { } refusal) return refusal;
        await db.SaveChangesAsync(ct);
        if (await BundleLedger.CatchUpAsync(db, folder.Names, directory.ById, clock.GetUtcNow(), ct) is not { } bundle)
            return new RotationResult.NotReady(BundleLedger.NoSigner, MayForce: false, []);

        var changed = await db.Authorities.AsNoTracking().SingleAsync(a => a.Id == id, ct);
        audit.Done(db, actor, action, id, $"{changed.Purpose} generation {changed.Generation}: {authority.State} to {changed.State}; bundle {bundle.Version}");
        return new RotationResult.Done(changed, bundle.Version);
    }

    private static string? Reason(RotationResult result) => result switch
    {
        RotationResult.WrongState wrong => wrong.Problem,
        RotationResult.NotReady notReady => notReady.Problem,
        _ => null,
    };
}
