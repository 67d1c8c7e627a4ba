using System.Numerics;
using IoTFleet.Pki.Linting;

namespace IoTFleet.Pki;

/// <summary>The leave to sign one revocation list whose content passed the linter, good for one signature. Keeps the key from being closed until it is redeemed or disposed.</summary>
public sealed class PreparedCrl : IDisposable
{
    private readonly byte[] _toBeSigned;
    private IssuerKey? _issuer;

    private PreparedCrl(IssuerKey issuer, RevocationList list, byte[] toBeSigned) => (_issuer, IssuerId, Number, _toBeSigned) = (issuer, issuer.Id, list.Number, toBeSigned);

    public string IssuerId { get; }
    public BigInteger Number { get; }

    /// <exception cref="CrlRefusedException">The list breaks a rule.</exception>
    internal static PreparedCrl Of(IssuerKey issuer, RevocationList list, DateTimeOffset now)
    {
        var toBeSigned = Linted(list, issuer.Facts, now);
        issuer.Acquire(); // Given back when the permit is redeemed.
        return new PreparedCrl(issuer, list, toBeSigned);
    }

    /// <returns>The bytes to be signed, after they were taken apart again and found good.</returns>
    internal static byte[] Linted(RevocationList list, IssuerFacts issuer, DateTimeOffset now)
    {
        var toBeSigned = list.EncodeToBeSigned(issuer);
        var findings = CrlLint.Check(toBeSigned, list, issuer, now);
        return findings.Count == 0 ? toBeSigned : throw new CrlRefusedException(findings);
    }

    /// <exception cref="InvalidOperationException">It was redeemed before.</exception>
    internal byte[] Redeem()
    {
        var issuer = Interlocked.Exchange(ref _issuer, null)
            ?? throw new InvalidOperationException($"The permit to sign list {Number} was redeemed before; each signs one list.");
        try
        {
            return SignedDocument.Assemble(_toBeSigned, issuer);
        }
        finally
        {
            issuer.Release();
        }
    }

    /// <summary>Gives the permit back when it was not redeemed; the key may then be closed.</summary>
    public void Dispose() => Interlocked.Exchange(ref _issuer, null)?.Release();
}

/// <summary>A revocation list was not signed, because it breaks the rules named.</summary>
public sealed class CrlRefusedException(IReadOnlyList<LintFinding> findings) : Exception($"A revocation list was not signed: {string.Join("; ", findings)}")
{
    public IReadOnlyList<LintFinding> Findings { get; } = findings;
}
