namespace IoTFleet.Pki.Linting;

/// <summary>A rule of docs/pki.md that a certificate breaks.</summary>
public sealed record LintFinding(string Rule, string Problem)
{
    public override string ToString() => $"{Rule}: {Problem}";
}
