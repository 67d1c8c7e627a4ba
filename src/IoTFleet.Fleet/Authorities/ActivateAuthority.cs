using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <param name="Id">The authority that is to sign from now on.</param>
/// <param name="Force">Although too few devices have said that they know it.</param>
public sealed record ActivateAuthorityRequest(string Id, bool Force = false);

/// <summary>
/// Lets a generation sign. The one that signed until now retires in the same commit: what it signed stays good. Asked for a retiring one, it is the way back.
/// </summary>
public sealed class ActivateAuthority(RotationSteps steps, AuthorityDirectory directory, BundleAdoption adoption, RotationOptions options)
{
    public Task<RotationResult> RunAsync(Actor actor, ActivateAuthorityRequest request, CancellationToken ct) => steps.RunAsync(actor, "authority.activate", request.Id, async (db, authority, inner) =>
    {
        if (authority.State is not (AuthorityState.Published or AuthorityState.Retiring))
            return new RotationResult.WrongState($"only a published or retiring authority can be activated; this one is {authority.State.ToString().ToLowerInvariant()}");
        if (steps.Now > authority.NotAfter) return new RotationResult.WrongState($"the authority expired at {authority.NotAfter:u}");
        if (authority.Purpose != AuthorityPurpose.Root && directory.ById(authority.Id) is null)
            return new RotationResult.NotReady("its key is not on this machine", MayForce: false, []);
        if (!request.Force && await FindTooEarlyAsync(db, authority, inner) is { } tooEarly) return tooEarly;

        var former = await db.Authorities.AsNoTracking().FirstOrDefaultAsync(a => a.Purpose == authority.Purpose && a.State == AuthorityState.Active, inner);
        if (former is not null) await steps.SetStateAsync(db, former.Id, AuthorityState.Retiring, inner);
        await steps.SetStateAsync(db, authority.Id, AuthorityState.Active, inner);
        return null;
    }, ct);

    private async Task<RotationResult?> FindTooEarlyAsync(FleetDbContext db, Authority authority, CancellationToken ct)
    {
        if (authority.Purpose is AuthorityPurpose.Services or AuthorityPurpose.Claims) return null; // Devices never see their certificates.
        var found = await adoption.CountAsync(db, authority.Id, ct);
        if (found.Percent >= options.AdoptionPercent) return null;
        var behind = await adoption.BehindAsync(db, authority.Id, ct);
        return new RotationResult.NotReady(
            $"{found.Holding} of {found.Seen} devices seen in {options.SeenDays} days hold a trust bundle with it ({found.Percent:0.#} %); {options.AdoptionPercent} % must", MayForce: true, behind);
    }
}
