using System.Formats.Asn1;

namespace IoTFleet.Pki.Ocsp;

/// <summary>OCSPResponseStatus of RFC 6960 4.2.1, those we use.</summary>
public enum OcspProblem { MalformedRequest = 1, InternalError = 2, TryLater = 3, Unauthorized = 6 }

public enum OcspStatus { Good, Revoked, Unknown }

/// <summary>What became of one certificate.</summary>
public sealed record OcspCertStatus(OcspCertId Certificate, OcspStatus Status, DateTimeOffset? RevokedAt = null, RevocationReason Reason = RevocationReason.Unspecified);

/// <summary>An answer, signed by the responder of one authority; or a word why there is none, which is never signed.</summary>
public sealed record OcspAnswer
{
    public required IReadOnlyList<OcspCertStatus> Certificates { get; init; }
    public required DateTimeOffset ThisUpdate { get; init; }
    public required DateTimeOffset NextUpdate { get; init; }

    /// <summary>Repeated when the question had one. RFC 9654</summary>
    public ReadOnlyMemory<byte>? Nonce { get; init; }

    /// <summary>OCSPResponse without a body. RFC 6960 4.2.1</summary>
    public static byte[] Encode(OcspProblem problem) => [0x30, 0x03, 0x0A, 0x01, (byte)problem];

    internal byte[] EncodeToBeSigned(byte[] responderKeyId)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER, 1024);
        using (writer.PushSequence())
        {
            using (writer.PushSequence(Context(2))) writer.WriteOctetString(responderKeyId); // byKey: SHA-1 of the key bits
            WriteTime(writer, ThisUpdate); // producedAt
            using (writer.PushSequence())
            {
                foreach (var one in Certificates) WriteOne(writer, one);
            }
            if (Nonce is { } nonce) WriteNonce(writer, nonce.Span);
        }
        return writer.Encode();
    }

    internal static byte[] Encode(byte[] toBeSigned, byte[] algorithm, byte[] signature, ReadOnlySpan<byte> responder)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER, toBeSigned.Length + responder.Length + 256);
        using (writer.PushSequence())
        {
            writer.WriteEnumeratedValue(Status.Successful);
            using (writer.PushSequence(Context(0)))
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(Oids.OcspBasic);
                using (writer.PushOctetString())
                using (writer.PushSequence())
                {
                    writer.WriteEncodedValue(toBeSigned);
                    writer.WriteEncodedValue(algorithm);
                    writer.WriteBitString(signature);
                    using (writer.PushSequence(Context(0)))
                    using (writer.PushSequence()) writer.WriteEncodedValue(responder);
                }
            }
        }
        return writer.Encode();
    }

    // RFC 6960 4.2.1: good and unknown are NULL, revoked a sequence, all with implicit tags.
    private void WriteOne(AsnWriter writer, OcspCertStatus one)
    {
        using var single = writer.PushSequence();
        writer.WriteEncodedValue(one.Certificate.Encoded.Span);
        if (one.Status == OcspStatus.Good) writer.WriteNull(Implicit(0));
        else if (one.Status == OcspStatus.Unknown) writer.WriteNull(Implicit(2));
        else WriteRevoked(writer, one);
        WriteTime(writer, ThisUpdate);
        using (writer.PushSequence(Context(0))) WriteTime(writer, NextUpdate);
    }

    private static void WriteRevoked(AsnWriter writer, OcspCertStatus one)
    {
        using var revoked = writer.PushSequence(Context(1));
        WriteTime(writer, one.RevokedAt!.Value);
        if (one.Reason == RevocationReason.Unspecified) return;
        using (writer.PushSequence(Context(0))) writer.WriteEnumeratedValue(one.Reason);
    }

    private static void WriteNonce(AsnWriter writer, ReadOnlySpan<byte> nonce)
    {
        using var explicitly = writer.PushSequence(Context(1));
        using var extensions = writer.PushSequence();
        using var extension = writer.PushSequence();
        writer.WriteObjectIdentifier(Oids.OcspNonce);
        using (writer.PushOctetString()) writer.WriteOctetString(nonce);
    }

    private static void WriteTime(AsnWriter writer, DateTimeOffset time) => writer.WriteGeneralizedTime(time, omitFractionalSeconds: true);

    private static Asn1Tag Context(int number) => new(TagClass.ContextSpecific, number, isConstructed: true);

    private static Asn1Tag Implicit(int number) => new(TagClass.ContextSpecific, number);

    private enum Status { Successful = 0 }
}
