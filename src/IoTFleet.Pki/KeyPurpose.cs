using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>What a certificate's key may be used for, by its extended key usage.</summary>
public static class KeyPurpose
{
    public const string ServerAuth = "1.3.6.1.5.5.7.3.1";
    public const string ClientAuth = "1.3.6.1.5.5.7.3.2";
    public const string OcspSigning = "1.3.6.1.5.5.7.3.9";

    /// <summary>What an EST server's certificate has beside server authentication. RFC 7030 3.6.1, RFC 6402 2.10</summary>
    public const string CmcRegistrationAuthority = "1.3.6.1.5.5.7.3.28";

    /// <summary>True when the certificate has the extension at all.</summary>
    public static bool IsStated(X509Certificate2 certificate) => certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Any();

    /// <summary>
    /// True when the certificate has the extension and it names the purpose. A chain built by .NET accepts a certificate
    /// that has no such extension at all, so who relies on the purpose must ask here too.
    /// </summary>
    public static bool IsGranted(X509Certificate2 certificate, string purpose) =>
        certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>()
            .Any(usage => usage.EnhancedKeyUsages.Cast<System.Security.Cryptography.Oid>().Any(oid => oid.Value == purpose));
}
