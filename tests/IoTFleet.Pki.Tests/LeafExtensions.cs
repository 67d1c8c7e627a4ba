using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki.Tests;

/// <summary>Extensions of certificates that no profile of ours would have.</summary>
internal static class LeafExtensions
{
    public static X509Extension Purpose(string purpose) => new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false);

    /// <summary>By key identifier only, never by issuer and serial. RFC 5280 4.2.1.1</summary>
    public static X509Extension AuthorityKey(X509Certificate2 issuer) =>
        X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
            issuer.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single());
}
