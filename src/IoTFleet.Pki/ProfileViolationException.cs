using IoTFleet.Pki.Linting;

namespace IoTFleet.Pki;

/// <summary>A certificate that was to be signed breaks its profile; nothing was signed.</summary>
public sealed class ProfileViolationException(Profile profile, IReadOnlyList<LintFinding> findings)
    : Exception($"A {profile} certificate was not signed: {string.Join("; ", findings)}.")
{
    public Profile Profile { get; } = profile;
    public IReadOnlyList<LintFinding> Findings { get; } = findings;
}
