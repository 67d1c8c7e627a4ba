namespace IoTFleet.Fleet.Authorities;

public sealed record PublishAuthorityRequest(string Id);

/// <summary>Puts a prepared authority into the trust bundle, so that devices know it before anything it signed reaches them.</summary>
public sealed class PublishAuthority(RotationSteps steps)
{
    public Task<RotationResult> RunAsync(Actor actor, PublishAuthorityRequest request, CancellationToken ct) => steps.RunAsync(actor, "authority.publish", request.Id, async (db, authority, inner) =>
    {
        if (authority.State != AuthorityState.Prepared) return new RotationResult.WrongState($"only a prepared authority can be published; this one is {authority.State.ToString().ToLowerInvariant()}");
        await steps.SetStateAsync(db, authority.Id, AuthorityState.Published, inner);
        return null;
    }, ct);
}
