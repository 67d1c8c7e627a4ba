namespace IoTFleet.Fleet.Authorities;

/// <param name="Id">The authority.</param>
/// <param name="Force">Although it shuts somebody out.</param>
public sealed record RemoveAuthorityRequest(string Id, bool Force = false);

/// <summary>An authority is believed no more. Refused while certificates of it are in use by somebody who was seen lately.</summary>
public sealed class RemoveAuthority(RotationSteps steps, CertificatesInUse use)
{
    public Task<RotationResult> RunAsync(Actor actor, RemoveAuthorityRequest request, CancellationToken ct) => steps.RunAsync(actor, "authority.remove", request.Id, async (db, authority, inner) =>
    {
        if (authority.State is AuthorityState.Active) return new RotationResult.WrongState("an active authority cannot be removed; activate its successor first");
        if (authority.State is AuthorityState.Removed) return new RotationResult.WrongState("it was removed before");
        if (await use.FindBelowAsync(db, authority, inner) is { Count: > 0 } below)
            return new RotationResult.NotReady("it has issued authorities that are still believed; remove them first", MayForce: false, below);
        if (!request.Force && await use.FindHoldersAsync(db, authority, inner) is { Count: > 0 } holders)
            return new RotationResult.NotReady("certificates of it are in use; their holders have to renew first", MayForce: true, holders);
        await steps.SetStateAsync(db, authority.Id, AuthorityState.Removed, inner);
        return null;
    }, ct);
}
