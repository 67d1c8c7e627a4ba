using System.Formats.Asn1;

namespace IoTFleet.Server.Est;

/// <summary>What a request should hold, as <c>csrattrs</c> says it (RFC 7030 4.5, encoded as RFC 9908 mended it).</summary>
internal static class CsrAttributes
{
    private const string ChallengePassword = "1.2.840.113549.1.9.7";
    private const string EcPublicKey = "1.2.840.10045.2.1";
    private const string P256 = "1.2.840.10045.3.1.7";
    private const string EcdsaWithSha256 = "1.2.840.10045.4.3.2";
    private const string CommonName = "2.5.4.3";
    private const string RequestTemplate = "1.2.840.113549.1.9.16.2.61"; // id-aa-certificationRequestInfoTemplate, RFC 9908 3.4

    /// <param name="channelBinding">
    /// Whether the request must be linked to its TLS session. Then there is no template: who understands it would heed nothing else,
    /// and it has no place for a value that only the client knows.
    /// </param>
    public static byte[] Encode(bool channelBinding)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            if (channelBinding) writer.WriteObjectIdentifier(ChallengePassword);
            WriteKeyType(writer);
            writer.WriteObjectIdentifier(EcdsaWithSha256);
            if (!channelBinding) WriteTemplate(writer);
        }
        return writer.Encode();
    }

    /// <summary>RFC 9908 3.3: exactly one attribute names the type of key, its value the curve.</summary>
    private static void WriteKeyType(AsnWriter writer)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(EcPublicKey);
            using (writer.PushSetOf()) writer.WriteObjectIdentifier(P256);
        }
    }

    /// <summary>A common name without a value is for the client to fill in; no key is in it, only its algorithm.</summary>
    private static void WriteTemplate(AsnWriter writer)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(RequestTemplate);
            using (writer.PushSetOf())
            using (writer.PushSequence())
            {
                writer.WriteInteger(0); // v1
                using (writer.PushSequence())
                using (writer.PushSetOf())
                using (writer.PushSequence())
                    writer.WriteObjectIdentifier(CommonName);
                using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0)))
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(EcPublicKey);
                    writer.WriteObjectIdentifier(P256);
                }
                writer.PushSetOf(new Asn1Tag(TagClass.ContextSpecific, 1)).Dispose(); // no further attributes
            }
        }
    }
}
