using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Testing;

/// <summary>
/// A certificate with any field as an attacker, or an authority that lost its mind, would have it; left alone it says what a device's does.
/// Signed by a real key it passes no linter, because none is asked.
/// </summary>
public sealed record Forgery
{
    private const string SubjectAlternativeName = "2.5.29.17";

    public string Subject { init => SubjectName = new X500DistinguishedName(value); }
    public X500DistinguishedName SubjectName { get; init; } = new("CN=pump-7");

    /// <summary>The subject alternative name as it is written; null for none.</summary>
    public byte[]? Names { get; init; }

    /// <summary>Null for no extended key usage at all.</summary>
    public string[]? Purposes { get; init; } = [KeyPurpose.ClientAuth];

    /// <summary>Null for no key usage at all.</summary>
    public X509KeyUsageFlags? Usage { get; init; } = X509KeyUsageFlags.DigitalSignature;

    public bool IsAuthority { get; init; }
    public DateTimeOffset NotBefore { get; init; } = TimeProvider.System.GetUtcNow().AddHours(-1);
    public DateTimeOffset NotAfter { get; init; } = TimeProvider.System.GetUtcNow().AddDays(1);
    public IReadOnlyList<X509Extension> Others { get; init; } = [];

    /// <summary>ECDSA P-256 unless it is made here.</summary>
    public Func<AsymmetricAlgorithm> NewKey { get; init; } = static () => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Says that it was issued by this one, whoever signs it.</summary>
    public X509Certificate2? ClaimedIssuer { get; init; }

    /// <summary>For a device of a fleet.</summary>
    public static Forgery OfDevice(string id, FleetNames names) => new() { Subject = $"CN={id}", Names = Uris(names.DeviceUri(id).OriginalString) };

    /// <summary>An authority whose name is this one's to the byte.</summary>
    public static Forgery NamedAs(X509Certificate2 authority) => new() { SubjectName = authority.SubjectName, Purposes = null };

    public static byte[] Uris(params ReadOnlySpan<string> uris) => AlternativeNames.OfUris(uris).RawData;

    /// <summary>General names of any kind: 1 e-mail, 2 DNS, 6 URI; the bytes as they are.</summary>
    public static byte[] GeneralNames(params (int Kind, byte[] Value)[] names)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var (kind, value) in names) writer.WriteOctetString(value, new Asn1Tag(TagClass.ContextSpecific, kind));
        }
        return writer.Encode();
    }

    /// <summary>With its key, as a client of TLS needs it.</summary>
    public X509Certificate2 SignedBy(IssuerKey issuer)
    {
        using var key = NewKey();
        using var certificate = Sign(issuer, key);
        return key is RSA rsa ? certificate.CopyWithPrivateKey(rsa) : certificate.CopyWithPrivateKey((ECDsa)key);
    }

    /// <summary>An authority, good or not, that signs further forgeries.</summary>
    public IssuerKey AuthoritySignedBy(IssuerKey? issuer)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var forged = this with { IsAuthority = true, Usage = X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign };
        if (issuer is not null) return new IssuerKey(forged.Sign(issuer, key), key);
        using var own = ECDsa.Create(key.ExportParameters(includePrivateParameters: true));
        using var draft = forged.Request(key).CreateSelfSigned(NotBefore, NotAfter);
        return new IssuerKey(X509CertificateLoader.LoadCertificate(draft.RawData), ECDsa.Create(own.ExportParameters(includePrivateParameters: true)));
    }

    /// <summary>The authority's name and key, said by another authority.</summary>
    public static X509Certificate2 CrossSigned(X509Certificate2 authority, IssuerKey by)
    {
        var request = new CertificateRequest(authority.SubjectName, authority.PublicKey, HashAlgorithmName.SHA256);
        foreach (var extension in authority.Extensions) request.CertificateExtensions.Add(extension);
        return by.Sign(generator => request.Create(
            by.Certificate.SubjectName, generator, authority.NotBefore.ToUniversalTime(), authority.NotAfter.ToUniversalTime(), SerialNumber.Create().Bytes.Span));
    }

    private X509Certificate2 Sign(IssuerKey issuer, AsymmetricAlgorithm key)
    {
        var named = ClaimedIssuer ?? issuer.Certificate;
        var request = Request(key);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
            named.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single()));
        return issuer.Sign(generator => request.Create(named.SubjectName, generator, NotBefore, NotAfter, SerialNumber.Create().Bytes.Span));
    }

    private CertificateRequest Request(AsymmetricAlgorithm key)
    {
        var request = key is RSA rsa
            ? new CertificateRequest(SubjectName, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(SubjectName, (ECDsa)key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(IsAuthority, false, 0, true));
        if (Usage is { } usage) request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, true));
        if (Purposes is { } purposes) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([.. purposes.Select(purpose => new Oid(purpose))], false));
        if (Names is { } names) request.CertificateExtensions.Add(new X509Extension(SubjectAlternativeName, names, critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        foreach (var other in Others) request.CertificateExtensions.Add(other);
        return request;
    }
}
