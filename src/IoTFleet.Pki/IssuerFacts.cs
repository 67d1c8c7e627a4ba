using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>What the certificates of an authority take from it.</summary>
internal sealed record IssuerFacts
{
    public required byte[] Subject { get; init; }
    public required byte[] KeyId { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>The encoded identifier of the algorithm it signs with.</summary>
    public required byte[] SignatureAlgorithm { get; init; }
    public required HashAlgorithmName Hash { get; init; }

    /// <summary>Null when it signs authorities.</summary>
    public required string[]? Purposes { get; init; }

    /// <summary>The fleet's domain.</summary>
    public required string? Organization { get; init; }

    /// <summary>The hosts that URIs below it may have; empty when it names none.</summary>
    public required IReadOnlyList<string> UriHosts { get; init; }

    /// <summary>The hosts, and those below them, that servers below it may have; empty when it may name any.</summary>
    public required IReadOnlyList<string> DnsSuffixes { get; init; }

    public static IssuerFacts Of(X509Certificate2 certificate)
    {
        var names = PermittedNames.Of(certificate);
        var usage = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault();
        return new IssuerFacts
        {
            Subject = certificate.SubjectName.RawData,
            KeyId = certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single().SubjectKeyIdentifierBytes.ToArray(),
            NotBefore = new DateTimeOffset(certificate.NotBefore).ToUniversalTime(),
            NotAfter = new DateTimeOffset(certificate.NotAfter).ToUniversalTime(),
            SignatureAlgorithm = AlgorithmFor(certificate.PublicKey),
            Hash = HashFor(certificate.PublicKey),
            Purposes = usage?.EnhancedKeyUsages.Cast<Oid>().Select(oid => oid.Value!).ToArray(),
            Organization = OrganizationOf(certificate.SubjectName),
            UriHosts = names.UriHosts,
            DnsSuffixes = names.DnsSuffixes,
        };
    }

    /// <summary>A root is its own issuer.</summary>
    public static IssuerFacts OfRoot(CertificateOrder order, PublicKey key) => new()
    {
        Subject = CertificateContent.EncodeSubject(order),
        KeyId = CertificateContent.KeyIdOf(order.SubjectPublicKeyInfo),
        NotBefore = order.NotBefore,
        NotAfter = order.NotAfter,
        SignatureAlgorithm = AlgorithmFor(key),
        Hash = HashFor(key),
        Purposes = null,
        Organization = order.Organization,
        UriHosts = [],
        DnsSuffixes = [],
    };

    // The hash is as strong as the curve. RFC 5758 3.2: no parameters.
    private static byte[] AlgorithmFor(PublicKey key)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence()) writer.WriteObjectIdentifier(HashFor(key) == HashAlgorithmName.SHA384 ? Oids.EcdsaSha384 : Oids.EcdsaSha256);
        return writer.Encode();
    }

    private static HashAlgorithmName HashFor(PublicKey key) =>
        key.EncodedKeyValue.RawData.Length > 65 ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA256;

    private static string? OrganizationOf(X500DistinguishedName name) => name.EnumerateRelativeDistinguishedNames()
        .Where(part => !part.HasMultipleElements && part.GetSingleElementType().Value == Oids.Organization)
        .Select(part => part.GetSingleElementValue()).FirstOrDefault();
}
