using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>A certificate as issued; its times are whole seconds, both inside its life.</summary>
public sealed record IssuedLeaf(ReadOnlyMemory<byte> Der, SerialNumber Serial, DateTimeOffset NotBefore, DateTimeOffset NotAfter)
{
    public string SerialHex => Serial.Hex;

    /// <summary>A new instance each time; the caller disposes it.</summary>
    public X509Certificate2 Load() => X509CertificateLoader.LoadCertificate(Der.Span);
}

/// <summary>Signs leaf certificates and revocation lists with one issuing key. Safe to call from many threads.</summary>
public sealed class CertificateAuthority(IssuerKey issuer, TimeProvider clock)
{
    private static readonly TimeSpan ServerLifetime = TimeSpan.FromDays(90);
    private static readonly TimeSpan ServerBackdate = TimeSpan.FromMinutes(5);

    public X509Certificate2 Certificate => issuer.Certificate;

    /// <summary>A device's or service's certificate: one SAN URI, client authentication only.</summary>
    public IssuedLeaf Issue(LeafTerms terms)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(terms.CommonName);
        var identity = AlternativeNames.OfUris(terms.Identity.OriginalString);
        return Sign(name.Build(), terms.SubjectPublicKeyInfo, identity, KeyPurpose.ClientAuth, terms.Lifetime, terms.Backdate);
    }

    /// <summary>A server's certificate for host names and IP addresses, valid for 90 days.</summary>
    public IssuedLeaf IssueServer(IReadOnlyCollection<string> hosts, ReadOnlyMemory<byte> subjectPublicKeyInfo)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts)
        {
            if (IPAddress.TryParse(host, out var address)) names.AddIpAddress(address);
            else names.AddDnsName(host);
        }
        // Clients go by the SAN alone; the subject says what it is for.
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName("IoTFleet server");
        return Sign(subject.Build(), subjectPublicKeyInfo, names.Build(), KeyPurpose.ServerAuth, ServerLifetime, ServerBackdate);
    }

    /// <summary>A signed CRL in DER form.</summary>
    public byte[] SignCrl(RevocationList list) => issuer.Sign(generator => list.Encode(issuer.Certificate, generator));

    private IssuedLeaf Sign(
        X500DistinguishedName subject, ReadOnlyMemory<byte> subjectPublicKeyInfo, X509Extension alternativeNames, string purpose,
        TimeSpan lifetime, TimeSpan backdate)
    {
        var key = PublicKey.CreateFromSubjectPublicKeyInfo(subjectPublicKeyInfo.Span, out _);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(LeafExtensions.Purpose(purpose));
        request.CertificateExtensions.Add(alternativeNames);
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key, critical: false));
        request.CertificateExtensions.Add(LeafExtensions.AuthorityKey(issuer.Certificate));

        var serial = SerialNumber.Create();
        var (notBefore, notAfter) = Life(lifetime, backdate);
        using var certificate = issuer.Sign(generator =>
            request.Create(issuer.Certificate.SubjectName, generator, notBefore, notAfter, serial.Bytes.Span));
        return new IssuedLeaf(certificate.RawData, serial, notBefore, notAfter);
    }

    private (DateTimeOffset NotBefore, DateTimeOffset NotAfter) Life(TimeSpan lifetime, TimeSpan backdate)
    {
        var now = clock.GetUtcNow();
        var notBefore = DateTimeOffset.FromUnixTimeSeconds((now - backdate).ToUnixTimeSeconds());
        var notAfter = notBefore + lifetime - TimeSpan.FromSeconds(1); // The last second is inside the life. RFC 5280 4.1.2.5
        var first = new DateTimeOffset(issuer.Certificate.NotBefore).ToUniversalTime();
        var last = new DateTimeOffset(issuer.Certificate.NotAfter).ToUniversalTime();
        if (now > last) throw new InvalidOperationException($"The authority {issuer.Certificate.Subject} expired at {last:u} and cannot issue.");
        return (notBefore < first ? first : notBefore, notAfter > last ? last : notAfter);
    }
}
