namespace IoTFleet.Fleet.Authorities;

/// <summary>What a step of a rotation came to; all steps answer alike.</summary>
public abstract record RotationResult
{
    private RotationResult() { }

    /// <param name="Authority">As it is now.</param>
    /// <param name="BundleVersion">The newest trust bundle.</param>
    /// <param name="Note">What else the operator should know or do.</param>
    public sealed record Done(Authority Authority, long BundleVersion, string? Note = null) : RotationResult;
    public sealed record UnknownAuthority : RotationResult;

    /// <summary>The step does not follow from where the authority is.</summary>
    public sealed record WrongState(string Problem) : RotationResult;

    /// <summary>Too early: somebody would be shut out, or something is missing.</summary>
    /// <param name="MayForce">Whether asking with force would do it all the same.</param>
    /// <param name="Holders">Whom it would shut out, the first of them.</param>
    public sealed record NotReady(string Problem, bool MayForce, IReadOnlyList<string> Holders) : RotationResult;
    public sealed record Forbidden : RotationResult;
}
