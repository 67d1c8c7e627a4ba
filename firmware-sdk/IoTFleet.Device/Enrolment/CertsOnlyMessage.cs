using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Device.Enrolment;

/// <summary>Reads the certificates out of an EST answer: base64 of a PKCS#7 SignedData without signers (RFC 7030 4.1.3, RFC 8951 3.1).</summary>
internal static class CertsOnlyMessage
{
    private const string SignedData = "1.2.840.113549.1.7.2";

    private static readonly Asn1Tag Context0 = new(TagClass.ContextSpecific, 0, isConstructed: true);

    /// <exception cref="FormatException">The text is not such a message.</exception>
    public static X509Certificate2Collection Parse(string base64)
    {
        try
        {
            return ReadCertificates(Convert.FromBase64String(base64));   // line breaks anywhere or none, RFC 8951 allows both
        }
        catch (Exception error) when (error is AsnContentException or CryptographicException)
        {
            throw new FormatException("not a PKCS#7 message of certificates", error);
        }
    }

    private static X509Certificate2Collection ReadCertificates(byte[] der)
    {
        var contentInfo = new AsnReader(der, AsnEncodingRules.BER).ReadSequence();
        if (contentInfo.ReadObjectIdentifier() != SignedData)
            throw new FormatException("not a PKCS#7 SignedData message");

        var signedData = contentInfo.ReadSequence(Context0).ReadSequence();
        signedData.ReadInteger();                                        // version
        signedData.ReadSetOf();                                          // digestAlgorithms
        signedData.ReadSequence();                                       // encapContentInfo

        var found = new X509Certificate2Collection();
        if (!signedData.HasData || !signedData.PeekTag().HasSameClassAndValue(Context0))
            return found;

        var certificates = signedData.ReadSetOf(skipSortOrderValidation: true, Context0);
        while (certificates.HasData)
            found.Add(X509CertificateLoader.LoadCertificate(certificates.ReadEncodedValue().Span));
        return found;
    }
}
