using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// The "certs-only" answer of EST: SignedData without content and without signers. RFC 7030 4.1.3, RFC 5652 5.1.
/// The BCL's own PKCS#7 export writes an empty content, which such a message must not have.
/// </summary>
public static class CertsOnlyMessage
{
    public static byte[] Encode(IEnumerable<X509Certificate2> certificates) =>
        Encode(certificates.Select(certificate => certificate.RawDataMemory));

    public static byte[] Encode(IEnumerable<ReadOnlyMemory<byte>> certificates)
    {
        var tag0 = new Asn1Tag(TagClass.ContextSpecific, 0);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(Oids.Pkcs7SignedData);
            using (writer.PushSequence(tag0))
            using (writer.PushSequence())
            {
                writer.WriteInteger(1);
                writer.PushSetOf().Dispose(); // digestAlgorithms
                using (writer.PushSequence()) writer.WriteObjectIdentifier(Oids.Pkcs7Data);
                using (writer.PushSetOf(tag0))
                {
                    foreach (var certificate in certificates) writer.WriteEncodedValue(certificate.Span);
                }
                writer.PushSetOf().Dispose(); // signerInfos
            }
        }
        return writer.Encode();
    }
}
