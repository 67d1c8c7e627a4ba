using System.Formats.Asn1;

namespace IoTFleet.Pki.Linting;

/// <summary>
/// Our own rules for certificates as code (docs/pki.md), over the DER of a draft that a throw-away key signed. Each rule is a line in
/// one of the parts: the fixed fields, the extensions, the names. A certificate must also say exactly what was ordered.
/// </summary>
internal sealed partial class CertificateLint
{
    /// <summary>Goes up with each change of a rule; recorded with what was issued under it.</summary>
    public const int Version = 2;

    private readonly List<LintFinding> _findings = [];
    private readonly CertificateFields _fields;
    private readonly CertificateOrder _order;
    private readonly IssuerFacts _issuer;
    private readonly ProfileRules _rules;

    private CertificateLint(CertificateFields fields, CertificateOrder order, IssuerFacts issuer)
    {
        (_fields, _order, _issuer) = (fields, order, issuer);
        _rules = ProfileRules.Of(order.Profile);
    }

    /// <returns>Every rule that the certificate breaks; none when it may be signed.</returns>
    public static IReadOnlyList<LintFinding> Check(ReadOnlyMemory<byte> certificate, CertificateOrder order, IssuerFacts issuer, DateTimeOffset now)
    {
        try
        {
            return new CertificateLint(CertificateFields.Parse(certificate), order, issuer).Check(certificate.Length, now);
        }
        catch (AsnContentException malformed)
        {
            return [new LintFinding("P-5.der", $"the certificate is not DER of the shape we issue: {malformed.Message}")];
        }
    }

    private List<LintFinding> Check(int length, DateTimeOffset now)
    {
        Require(length <= _rules.MaxLength, "P-6.size", $"{length} bytes are more than {_rules.MaxLength}");
        CheckFields();
        CheckValidity(now);
        CheckSubject();
        CheckPublicKey();
        CheckExtensions();
        CheckOriginal();
        return _findings;
    }

    /// <summary>A cross-certificate is another signature under what an authority's own certificate says, and nothing more. RFC 4210 4.4</summary>
    private void CheckOriginal()
    {
        Require(_rules.IsCross == _order.Original is not null, "K-4.original", "cross-certificates, and only they, repeat another certificate");
        if (_order.Original is not { } original) return;
        Require(Same(_fields.SubjectRaw, original.Subject), "K-4.subject", "the subject is not that of the certificate it repeats, byte for byte");
        Require(KeyId().AsSpan().SequenceEqual(original.KeyId), "K-4.key", "the key is not that of the certificate it repeats");
        Require(_fields.NotBefore.At >= original.NotBefore && _fields.NotAfter.At <= original.NotAfter, "K-4.life", "it does not lie within the life of the certificate it repeats");
        Require(_order.DnsSuffixes.SequenceEqual(original.DnsSuffixes), "K-4.constraints", "it permits other names than the certificate it repeats");
        Require((original.Purposes ?? []).SequenceEqual(_rules.Purposes), "K-4.purpose", "the certificate it repeats is for another purpose");
    }

    private void CheckFields()
    {
        Require(_fields.VersionNumber == 2, "P-1.version", "the version is not 3");
        Require(Same(_fields.InnerAlgorithm, _issuer.SignatureAlgorithm), "P-1.algorithm", "the algorithm is not the issuer's ECDSA with the hash of its curve");
        Require(Same(_fields.OuterAlgorithm, _fields.InnerAlgorithm), "P-1.algorithm-twice", "the algorithm outside differs from the one that is signed");
        var serial = _fields.Serial.Span;
        Require(serial.Length == 16 && serial[0] is > 0 and < 0x80, "P-2.serial", "the serial is not 16 bytes, positive and without a leading zero");
        Require(Same(_fields.Serial, _order.Serial.Bytes.Span), "order.serial", "the serial is not the one that was drawn");
        Require(Same(_fields.Issuer, _issuer.Subject), "P-4.issuer", "the issuer's name is not the authority's, byte for byte");
        Require(_rules.IsRoot == Same(_fields.Issuer, _fields.SubjectRaw.Span), "P-4.self", "only a root has its own name as its issuer's");
        CheckIssuerMay();
    }

    /// <summary>The authority's purpose bounds what it issues. RFC 5280 4.2.1.12 leaves that to who checks; we never rely on them.</summary>
    private void CheckIssuerMay()
    {
        if (_rules.IsAuthority)
        {
            Require(_issuer.Purposes is null, "P-4.issuer-purpose", "an authority is issued by a root");
            return;
        }
        // A responder answers for whoever issues it, a root included.
        var may = _order.Profile == Profile.OcspResponder
            ? _issuer.Purposes is null or { Length: 1 }
            : _issuer.Purposes is { Length: 1 } purposes && purposes[0] == _rules.Purposes[0];
        Require(may, "P-4.issuer-purpose", "the authority is not one for certificates of this kind");
    }

    private void CheckValidity(DateTimeOffset now)
    {
        var ((beforeTag, notBefore), (afterTag, notAfter)) = (_fields.NotBefore, _fields.NotAfter);
        Require(IsTimeForm(beforeTag, notBefore), "P-5.time", "notBefore is UTCTime through 2049 and GeneralizedTime after");
        Require(IsTimeForm(afterTag, notAfter), "P-5.time", "notAfter is UTCTime through 2049 and GeneralizedTime after");
        Require(notBefore < notAfter, "P-3.order", "it ends before it begins");
        Require(notAfter - notBefore <= _rules.MaxLifetime, "P-3.lifetime", $"it lives longer than {_rules.MaxLifetime.TotalDays} days");
        Require(notBefore >= now - _rules.MaxBackdate - TimeSpan.FromSeconds(1), "P-3.backdate", $"it begins more than {_rules.MaxBackdate} ago");
        Require(notBefore <= (now > _issuer.NotBefore ? now : _issuer.NotBefore), "P-3.future", "it begins in the future");
        Require(notBefore >= _issuer.NotBefore && notAfter <= _issuer.NotAfter, "P-3.outlives", "it does not lie within its issuer's life");
        Require(notBefore == _order.NotBefore && notAfter == _order.NotAfter, "order.validity", "its times are not those that were decided");
    }

    private static bool IsTimeForm(Asn1Tag tag, DateTimeOffset at) => tag == (at.UtcDateTime.Year < 2050 ? Asn1Tag.UtcTime : Asn1Tag.GeneralizedTime);

    private static bool Same(ReadOnlyMemory<byte> left, ReadOnlySpan<byte> right) => left.Span.SequenceEqual(right);

    private static bool Same(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right) => left.Span.SequenceEqual(right.Span);

    private void Require(bool kept, string rule, string problem)
    {
        if (!kept) _findings.Add(new LintFinding(rule, problem));
    }
}
