namespace IoTFleet.Fleet.Authorities;

/// <param name="Id">The authority.</param>
/// <param name="Force">Although nobody is left to sign for its purpose.</param>
public sealed record TaintAuthorityRequest(string Id, bool Force = false);

/// <summary>Certificates of this authority are still good, and must be renewed now: their renewal window is open from this moment.</summary>
public sealed class TaintAuthority(RotationSteps steps)
{
    public Task<RotationResult> RunAsync(Actor actor, TaintAuthorityRequest request, CancellationToken ct) => steps.RunAsync(actor, "authority.taint", request.Id, async (db, authority, inner) =>
    {
        if (authority.State is not (AuthorityState.Active or AuthorityState.Retiring))
            return new RotationResult.WrongState($"only an active or retiring authority can be tainted; this one is {authority.State.ToString().ToLowerInvariant()}");
        if (authority.State == AuthorityState.Active && !request.Force)
            return new RotationResult.NotReady("its holders could not renew, as nobody would be left to sign; activate its successor first", MayForce: true, []);
        await steps.SetStateAsync(db, authority.Id, AuthorityState.Tainted, inner);
        return null;
    }, ct);
}
