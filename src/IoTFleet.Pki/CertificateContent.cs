using System.Formats.Asn1;
using System.Security.Cryptography;

namespace IoTFleet.Pki;

/// <summary>
/// Encodes the part of a certificate that is signed. By ourselves, because the bytes that were linted and recorded must be the
/// very bytes that are signed, and the BCL's builder makes and signs them in one step.
/// </summary>
internal static partial class CertificateContent
{
    public static byte[] Encode(CertificateOrder order, IssuerFacts issuer)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER, 1024);
        using (writer.PushSequence())
        {
            using (writer.PushSequence(Context(0))) writer.WriteInteger(2); // v3
            writer.WriteInteger(order.Serial.Bytes.Span);
            writer.WriteEncodedValue(issuer.SignatureAlgorithm);
            writer.WriteEncodedValue(issuer.Subject);
            using (writer.PushSequence())
            {
                WriteTime(writer, order.NotBefore);
                WriteTime(writer, order.NotAfter);
            }
            writer.WriteEncodedValue(EncodeSubject(order));
            writer.WriteEncodedValue(order.SubjectPublicKeyInfo.Span);
            using (writer.PushSequence(Context(3)))
            using (writer.PushSequence())
            {
                WriteExtensions(writer, order, issuer);
            }
        }
        return writer.Encode();
    }

    public static byte[] EncodeSubject(CertificateOrder order)
    {
        if (order.Original is { } original) return original.Subject; // Byte for byte, or it would stand in no chain.
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            WriteName(writer, Oids.CommonName, UniversalTagNumber.UTF8String, order.CommonName);
            if (order.HardwareSerial is { } serial) WriteName(writer, Oids.SubjectSerialNumber, UniversalTagNumber.PrintableString, serial);
            if (order.Organization is { } organization) WriteName(writer, Oids.Organization, UniversalTagNumber.UTF8String, organization);
        }
        return writer.Encode();
    }

    /// <summary>RFC 5280 4.2.1.2, method 1: an identifier, where SHA-1 has nothing to withstand.</summary>
    public static byte[] KeyIdOf(ReadOnlyMemory<byte> subjectPublicKeyInfo)
    {
        var key = new AsnReader(subjectPublicKeyInfo, AsnEncodingRules.DER).ReadSequence();
        key.ReadEncodedValue();
        return SHA1.HashData(key.ReadBitString(out _));
    }

    // RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
    private static void WriteTime(AsnWriter writer, DateTimeOffset time)
    {
        if (time.UtcDateTime.Year < 2050) writer.WriteUtcTime(time);
        else writer.WriteGeneralizedTime(time, omitFractionalSeconds: true);
    }

    private static void WriteName(AsnWriter writer, string oid, UniversalTagNumber type, string value)
    {
        using var part = writer.PushSetOf();
        using var pair = writer.PushSequence();
        writer.WriteObjectIdentifier(oid);
        writer.WriteCharacterString(type, value);
    }

    private static Asn1Tag Context(int number) => new(TagClass.ContextSpecific, number);
}
