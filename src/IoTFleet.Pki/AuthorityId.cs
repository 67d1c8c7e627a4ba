using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>How an authority is known everywhere: by its key, never by its name, which anybody may repeat.</summary>
public static class AuthorityId
{
    /// <summary>The subject key identifier, lower-case hex; empty when the certificate has none. RFC 5280 4.2.1.2</summary>
    public static string Of(X509Certificate2 authority) =>
        authority.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault() is { SubjectKeyIdentifierBytes: var id }
            ? Convert.ToHexStringLower(id.Span)
            : "";

    /// <summary>The id that a certificate gives for its issuer; a claim until the signature is checked. Empty when it gives none. RFC 5280 4.2.1.1</summary>
    public static string OfIssuer(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier is { } id
            ? Convert.ToHexStringLower(id.Span)
            : "";
}
