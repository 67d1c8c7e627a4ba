using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Pki.Linting;

namespace IoTFleet.Pki;

/// <summary>A certificate as issued; its times are whole seconds, both inside its life.</summary>
public sealed record IssuedLeaf(ReadOnlyMemory<byte> Der, SerialNumber Serial, DateTimeOffset NotBefore, DateTimeOffset NotAfter)
{
    public string SerialHex => Serial.Hex;

    /// <summary>A new instance each time; the caller disposes it.</summary>
    public X509Certificate2 Load() => X509CertificateLoader.LoadCertificate(Der.Span);
}

/// <summary>
/// Signs leaf certificates and revocation lists with one issuing key. Safe to call from many threads. A certificate is first
/// prepared (built, signed by a key that nobody trusts, linted), then signed: what the linter did not pass never meets the key.
/// </summary>
/// <param name="status">Where certificates say that their revocation is published; null when nothing is published.</param>
public sealed class CertificateAuthority(IssuerKey issuer, TimeProvider clock, StatusAddresses? status = null)
{
    public X509Certificate2 Certificate => issuer.Certificate;

    /// <summary>Its subject key identifier, lower-case hex.</summary>
    public string Id => issuer.Id;

    /// <exception cref="ProfileViolationException">The terms do not fit the profile, or this authority may not issue it.</exception>
    /// <exception cref="InvalidOperationException">The authority has expired.</exception>
    public PreparedLeaf Prepare(LeafTerms terms)
    {
        var (notBefore, notAfter) = Life(terms);
        return Prepare(issuer, WithAddresses(CertificateOrder.Of(terms, notBefore, notAfter)), clock.GetUtcNow());
    }

    /// <summary>Which list will name a certificate follows from its serial number, so the addresses cannot be the caller's to give.</summary>
    private CertificateOrder WithAddresses(CertificateOrder order)
    {
        if (status is null || !ProfileRules.Of(order.Profile).Publishes) return order;
        return order with
        {
            CrlUrl = order.CrlUrl ?? status.Crl(Id, StatusAddresses.ShardOf(order.Serial)).OriginalString,
            OcspUrl = order.OcspUrl ?? status.Ocsp.OriginalString,
            IssuerUrl = order.IssuerUrl ?? status.Issuer(Id).OriginalString,
        };
    }

    /// <summary>Redeems the permit; each signs one certificate.</summary>
    /// <exception cref="InvalidOperationException">It was redeemed before, or another authority gave it.</exception>
    public IssuedLeaf Sign(PreparedLeaf prepared)
    {
        if (prepared.IssuerId != Id) throw new InvalidOperationException($"The permit to sign {prepared.Serial} was given by the authority {prepared.IssuerId}, not by {Id}.");
        return prepared.Redeem();
    }

    public IssuedLeaf Issue(LeafTerms terms) => Sign(Prepare(terms));

    /// <summary>A server's certificate for host names and IP addresses, valid for 90 days.</summary>
    public IssuedLeaf IssueServer(IReadOnlyCollection<string> hosts, ReadOnlyMemory<byte> subjectPublicKeyInfo) =>
        Issue(LeafTerms.ForServer(hosts, subjectPublicKeyInfo));

    /// <exception cref="CrlRefusedException">The list breaks a rule.</exception>
    public PreparedCrl PrepareCrl(RevocationList list) => PreparedCrl.Of(issuer, list, clock.GetUtcNow());

    /// <summary>A signed CRL in DER form. Redeems the permit; each signs one list.</summary>
    public byte[] Sign(PreparedCrl prepared)
    {
        if (prepared.IssuerId != Id) throw new InvalidOperationException($"The permit to sign list {prepared.Number} was given by the authority {prepared.IssuerId}, not by {Id}.");
        return prepared.Redeem();
    }

    /// <summary>A signed CRL in DER form.</summary>
    public byte[] SignCrl(RevocationList list) => Sign(PrepareCrl(list));

    /// <summary>
    /// A signature (ECDSA, DER) over a document that is no X.509 structure. The context, such as <c>trust-bundle</c>, is signed with
    /// it, so that a signature for one use is none for another and never one over a certificate.
    /// </summary>
    public byte[] SignStatement(string context, ReadOnlySpan<byte> document) => issuer.SignData(Statement(context, document));

    public static bool VerifyStatement(X509Certificate2 signer, string context, ReadOnlySpan<byte> document, ReadOnlySpan<byte> signature)
    {
        using var key = signer.GetECDsaPublicKey();
        return key is not null && key.VerifyData(Statement(context, document), signature, IssuerFacts.Of(signer).Hash, DSASignatureFormat.Rfc3279DerSequence);
    }

    internal static PreparedLeaf Prepare(IssuerKey issuer, CertificateOrder order, DateTimeOffset now)
    {
        var toBeSigned = Linted(order, issuer.Facts, now);
        issuer.Acquire(); // Given back when the permit is redeemed.
        return new PreparedLeaf(issuer, order, toBeSigned);
    }

    /// <returns>The bytes to be signed, after a certificate made of them by a key that nobody trusts was found good.</returns>
    internal static byte[] Linted(CertificateOrder order, IssuerFacts issuer, DateTimeOffset now)
    {
        var toBeSigned = Encode(order, issuer);
        var draft = SignedDocument.Assemble(toBeSigned, issuer.SignatureAlgorithm, ThrowAwayKey.Sign(toBeSigned));
        var findings = CertificateLint.Check(draft, order, issuer, now);
        return findings.Count == 0 ? toBeSigned : throw new ProfileViolationException(order.Profile, findings);
    }

    private static byte[] Encode(CertificateOrder order, IssuerFacts issuer)
    {
        try
        {
            return CertificateContent.Encode(order, issuer);
        }
        catch (Exception unwritable) when (unwritable is ArgumentException or AsnContentException or CryptographicException)
        {
            // A text that its type cannot hold, a key that is none: ordered by the caller, so a finding as every other.
            throw new ProfileViolationException(order.Profile, [new LintFinding("P-5.encoding", unwritable.Message)]);
        }
    }

    private static byte[] Statement(string context, ReadOnlySpan<byte> document) => [.. Encoding.UTF8.GetBytes($"iotfleet {context}\n"), .. document];

    private (DateTimeOffset NotBefore, DateTimeOffset NotAfter) Life(LeafTerms terms)
    {
        var now = clock.GetUtcNow();
        var notBefore = DateTimeOffset.FromUnixTimeSeconds((now - terms.Backdate).ToUnixTimeSeconds());
        var notAfter = notBefore + terms.Lifetime - TimeSpan.FromSeconds(1); // The last second is inside the life. RFC 5280 4.1.2.5
        var (first, last) = (issuer.Facts.NotBefore, issuer.Facts.NotAfter);
        if (now > last) throw new InvalidOperationException($"The authority {issuer.Certificate.Subject} expired at {last:u} and cannot issue.");
        if (terms.Original is { } original) (first, last) = (Later(first, original.NotBefore), Earlier(last, original.NotAfter)); // As long as both live.
        return (Later(notBefore, first), Earlier(notAfter, last));
    }

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;
}
