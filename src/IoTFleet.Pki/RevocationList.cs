using System.Formats.Asn1;
using System.Numerics;

namespace IoTFleet.Pki;

/// <summary>CRLReason of RFC 5280 5.3.1, those we use.</summary>
public enum RevocationReason
{
    Unspecified = 0,
    KeyCompromise = 1,
    CaCompromise = 2,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
    CertificateHold = 6,
    PrivilegeWithdrawn = 9,
}

public sealed record RevokedCertificate(SerialNumber Serial, DateTimeOffset RevokedAt, RevocationReason Reason = RevocationReason.Unspecified);

/// <summary>
/// The content of one CRL. Encoded by ourselves: the BCL's builder cannot write the distribution point that
/// keeps one shard from standing in for another, and its time grows with the square of the entries.
/// </summary>
public sealed record RevocationList
{
    private const int BytesPerEntry = 56;

    /// <summary>Rises with each list of the same authority and distribution point.</summary>
    public required BigInteger Number { get; init; }

    public required DateTimeOffset ThisUpdate { get; init; }
    public required DateTimeOffset NextUpdate { get; init; }
    public required IReadOnlyCollection<RevokedCertificate> Entries { get; init; }

    /// <summary>The one URL this list is published at; null for a list that covers everything its authority issued.</summary>
    public Uri? DistributionPoint { get; init; }

    /// <summary>A root's list names authorities only. RFC 5280 5.2.5</summary>
    public bool OfAuthorities { get; init; }

    internal byte[] EncodeToBeSigned(IssuerFacts issuer)
    {
        // The writer grows by small steps; a large list must be sized at once.
        var writer = new AsnWriter(AsnEncodingRules.DER, 1024 + (Entries.Count * BytesPerEntry));
        using (writer.PushSequence())
        {
            writer.WriteInteger(1); // v2
            writer.WriteEncodedValue(issuer.SignatureAlgorithm);
            writer.WriteEncodedValue(issuer.Subject);
            WriteTime(writer, ThisUpdate);
            WriteTime(writer, NextUpdate);
            if (Entries.Count > 0) WriteEntries(writer); // An empty list has no such element at all. RFC 5280 5.1.2.6
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0)))
            using (writer.PushSequence())
            {
                WriteExtensions(writer, issuer);
            }
        }
        return writer.Encode();
    }

    private void WriteEntries(AsnWriter writer)
    {
        using var entries = writer.PushSequence();
        var reasons = new Dictionary<RevocationReason, byte[]>(); // encoded once, where a list of a million entries has a handful of them
        foreach (var entry in Entries)
        {
            using var one = writer.PushSequence();
            writer.WriteIntegerUnsigned(entry.Serial.Bytes.Span);
            WriteTime(writer, entry.RevokedAt);
            if (entry.Reason == RevocationReason.Unspecified) continue; // RFC 5280 5.3.1: absent, not zero
            if (!reasons.TryGetValue(entry.Reason, out var reason)) reasons.Add(entry.Reason, reason = Encode(entry.Reason));
            writer.WriteEncodedValue(reason);
        }
    }

    private static byte[] Encode(RevocationReason reason)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence()) WriteExtension(writer, Oids.CrlReason, critical: false, value => value.WriteEnumeratedValue(reason));
        return writer.Encode();
    }

    private void WriteExtensions(AsnWriter writer, IssuerFacts issuer)
    {
        WriteExtension(writer, Oids.AuthorityKeyIdentifier, critical: false, value => WriteAuthorityKey(value, issuer.KeyId));
        WriteExtension(writer, Oids.CrlNumber, critical: false, value => value.WriteInteger(Number));
        if (DistributionPoint is null && !OfAuthorities) return;
        WriteExtension(writer, Oids.IssuingDistributionPoint, critical: true, WriteDistributionPoint);
    }

    /// <summary>By key identifier only, never by issuer and serial. RFC 5280 4.2.1.1</summary>
    private static void WriteAuthorityKey(AsnWriter writer, byte[] keyId)
    {
        using var value = writer.PushSequence();
        writer.WriteOctetString(keyId, new Asn1Tag(TagClass.ContextSpecific, 0));
    }

    // RFC 5280 5.2.5: the URL as fullName, and onlyContainsUserCerts or onlyContainsCACerts.
    private void WriteDistributionPoint(AsnWriter writer)
    {
        using var point = writer.PushSequence();
        if (DistributionPoint is not null) WriteName(writer, DistributionPoint);
        writer.WriteBoolean(true, new Asn1Tag(TagClass.ContextSpecific, OfAuthorities ? 2 : 1));
    }

    private static void WriteName(AsnWriter writer, Uri url)
    {
        using var name = writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0));
        using var full = writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0));
        writer.WriteCharacterString(UniversalTagNumber.IA5String, url.AbsoluteUri, new Asn1Tag(TagClass.ContextSpecific, 6));
    }

    private static void WriteExtension(AsnWriter writer, string oid, bool critical, Action<AsnWriter> writeValue)
    {
        using var extension = writer.PushSequence();
        writer.WriteObjectIdentifier(oid);
        if (critical) writer.WriteBoolean(true);
        using (writer.PushOctetString()) writeValue(writer);
    }

    // RFC 5280 5.1.2.4: UTCTime through 2049, GeneralizedTime from 2050.
    private static void WriteTime(AsnWriter writer, DateTimeOffset time)
    {
        if (time.UtcDateTime.Year < 2050) writer.WriteUtcTime(time);
        else writer.WriteGeneralizedTime(time, omitFractionalSeconds: true);
    }
}
