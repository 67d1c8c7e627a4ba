using System.Formats.Asn1;
using System.Security.Cryptography;

namespace IoTFleet.Pki;

/// <summary>The outer shape of certificates and of everything else of X.509 that is signed: content, algorithm, signature. RFC 5280 4.1.1</summary>
internal static class SignedDocument
{
    /// <summary>A signature that does not fit never leaves: a token with another key, or a fault, would give the key away or be found by devices only.</summary>
    public static byte[] Assemble(byte[] toBeSigned, IssuerKey issuer)
    {
        var signature = issuer.SignData(toBeSigned);
        if (!issuer.Verifies(toBeSigned, signature)) throw new CryptographicException($"The key of {issuer.Certificate.Subject} made a signature that does not fit its certificate.");
        return Assemble(toBeSigned, issuer.Facts.SignatureAlgorithm, signature);
    }

    public static byte[] Assemble(ReadOnlySpan<byte> toBeSigned, ReadOnlySpan<byte> algorithm, ReadOnlySpan<byte> signature)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER, toBeSigned.Length + 128);
        using (writer.PushSequence())
        {
            writer.WriteEncodedValue(toBeSigned);
            writer.WriteEncodedValue(algorithm);
            writer.WriteBitString(signature);
        }
        return writer.Encode();
    }
}
