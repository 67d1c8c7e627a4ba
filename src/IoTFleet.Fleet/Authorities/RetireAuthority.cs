namespace IoTFleet.Fleet.Authorities;

/// <param name="Id">The authority.</param>
/// <param name="Force">Although nobody is left to sign for its purpose.</param>
public sealed record RetireAuthorityRequest(string Id, bool Force = false);

/// <summary>
/// An authority signs no more; what it signed stays good. Activating its successor does the same for it, so this is for a purpose that is given up,
/// and for taking a taint back.
/// </summary>
public sealed class RetireAuthority(RotationSteps steps)
{
    public Task<RotationResult> RunAsync(Actor actor, RetireAuthorityRequest request, CancellationToken ct) => steps.RunAsync(actor, "authority.retire", request.Id, async (db, authority, inner) =>
    {
        if (authority.State is not (AuthorityState.Active or AuthorityState.Tainted))
            return new RotationResult.WrongState($"only an active or tainted authority can be retired; this one is {authority.State.ToString().ToLowerInvariant()}");
        if (authority.State == AuthorityState.Active && !request.Force)
            return new RotationResult.NotReady("nobody would be left to sign in its place; activate its successor, which retires this one", MayForce: true, []);
        await steps.SetStateAsync(db, authority.Id, AuthorityState.Retiring, inner);
        return null;
    }, ct);
}
