using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>Whether one certificate was signed by the key of another. Nothing else is asked: not dates, not usages, not a path to a root.</summary>
public static class CertificateSignature
{
    public static bool IsBy(X509Certificate2 certificate, X509Certificate2 issuer) => IsBy(certificate.RawDataMemory, issuer);

    /// <summary>Of whatever has the outer shape of a certificate, such as a revocation list.</summary>
    internal static bool IsBy(ReadOnlyMemory<byte> document, X509Certificate2 issuer)
    {
        try
        {
            var parts = new AsnReader(document, AsnEncodingRules.DER).ReadSequence();
            var signed = parts.PeekEncodedValue();
            parts.ReadEncodedValue();
            var algorithm = parts.ReadSequence().ReadObjectIdentifier();
            var signature = parts.ReadBitString(out _);
            return Verify(issuer, algorithm, signed.Span, signature);
        }
        catch (Exception malformed) when (malformed is AsnContentException or CryptographicException)
        {
            return false; // Written by a stranger, so expected.
        }
    }

    private static bool Verify(X509Certificate2 issuer, string algorithm, ReadOnlySpan<byte> signed, byte[] signature)
    {
        using var ec = issuer.GetECDsaPublicKey();
        using var rsa = issuer.GetRSAPublicKey();
        return algorithm switch
        {
            "1.2.840.10045.4.3.2" => VerifyEc(ec, signed, signature, HashAlgorithmName.SHA256),
            "1.2.840.10045.4.3.3" => VerifyEc(ec, signed, signature, HashAlgorithmName.SHA384),
            "1.2.840.10045.4.3.4" => VerifyEc(ec, signed, signature, HashAlgorithmName.SHA512),
            "1.2.840.113549.1.1.11" => VerifyRsa(rsa, signed, signature, HashAlgorithmName.SHA256),
            "1.2.840.113549.1.1.12" => VerifyRsa(rsa, signed, signature, HashAlgorithmName.SHA384),
            "1.2.840.113549.1.1.13" => VerifyRsa(rsa, signed, signature, HashAlgorithmName.SHA512),
            _ => false, // SHA-1 and MD5 among them
        };
    }

    private static bool VerifyEc(ECDsa? key, ReadOnlySpan<byte> signed, byte[] signature, HashAlgorithmName hash) =>
        key is not null && key.VerifyData(signed, signature, hash, DSASignatureFormat.Rfc3279DerSequence);

    private static bool VerifyRsa(RSA? key, ReadOnlySpan<byte> signed, byte[] signature, HashAlgorithmName hash) =>
        key is not null && key.VerifyData(signed, signature, hash, RSASignaturePadding.Pkcs1);
}
