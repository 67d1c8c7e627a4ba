using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>SHA-256 as 64 lower-case hex digits without separators.</summary>
public static class Fingerprint
{
    public static string Sha256(X509Certificate2 certificate) => Sha256(certificate.RawDataMemory.Span);

    /// <summary>Of its SubjectPublicKeyInfo: the same for each certificate of one key.</summary>
    public static string OfKey(X509Certificate2 certificate) => Sha256(certificate.PublicKey.ExportSubjectPublicKeyInfo());

    public static string Sha256(ReadOnlySpan<byte> der) => Convert.ToHexStringLower(SHA256.HashData(der));
}
