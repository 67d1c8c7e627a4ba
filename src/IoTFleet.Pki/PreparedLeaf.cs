using IoTFleet.Pki.Linting;

namespace IoTFleet.Pki;

/// <summary>
/// The leave to sign one certificate whose content passed the linter, good for one signature: the only way to an authority's key.
/// Keeps the key from being closed until it is redeemed or disposed.
/// </summary>
public sealed class PreparedLeaf : IDisposable
{
    private readonly CertificateOrder _order;
    private readonly byte[] _toBeSigned;
    private IssuerKey? _issuer;

    internal PreparedLeaf(IssuerKey issuer, CertificateOrder order, byte[] toBeSigned)
    {
        (_issuer, _order, _toBeSigned) = (issuer, order, toBeSigned);
        IssuerId = issuer.Id;
        TbsHash = Fingerprint.Sha256(toBeSigned);
    }

    public Profile Profile => _order.Profile;
    public SerialNumber Serial => _order.Serial;
    public DateTimeOffset NotBefore => _order.NotBefore;
    public DateTimeOffset NotAfter => _order.NotAfter;
    public string IssuerId { get; }

    /// <summary>SHA-256 of the bytes that will be signed, lower-case hex.</summary>
    public string TbsHash { get; }

    /// <summary>By which state of the linter's rules it was found good.</summary>
    public static int LinterVersion => CertificateLint.Version;

    /// <exception cref="InvalidOperationException">It was redeemed before.</exception>
    internal IssuedLeaf Redeem()
    {
        var issuer = Interlocked.Exchange(ref _issuer, null)
            ?? throw new InvalidOperationException($"The permit to sign {Serial} was redeemed before; each signs one certificate.");
        try
        {
            return new IssuedLeaf(SignedDocument.Assemble(_toBeSigned, issuer), Serial, NotBefore, NotAfter);
        }
        finally
        {
            issuer.Release();
        }
    }

    /// <summary>Gives the permit back when it was not redeemed; the key may then be closed.</summary>
    public void Dispose() => Interlocked.Exchange(ref _issuer, null)?.Release();
}
