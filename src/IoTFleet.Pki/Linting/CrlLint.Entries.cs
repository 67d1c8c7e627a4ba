using System.Formats.Asn1;

namespace IoTFleet.Pki.Linting;

internal sealed partial class CrlLint
{
    // One rule broken by a million entries is said once.
    private const int MaxEntryFindings = 10;

    /// <summary>One extension, reasonCode 2.5.29.21, not critical, an enumerated value of one byte, which follows.</summary>
    private static ReadOnlySpan<byte> ReasonAsEver => [0x30, 0x0A, 0x06, 0x03, 0x55, 0x1D, 0x15, 0x04, 0x03, 0x0A, 0x01];

    private void CheckEntries(DerSpan entries)
    {
        Require(entries.HasData, "L-1.empty", "an empty list has no list of entries at all"); // RFC 5280 5.1.2.6
        using var ordered = _list.Entries.GetEnumerator();
        var seen = new HashSet<UInt128>(_list.Entries.Count);
        while (entries.HasData && _findings.Count < MaxEntryFindings)
        {
            var entry = entries.ReadSequence();
            if (!ordered.MoveNext())
            {
                Require(false, "order.entries", "there are more entries than were ordered");
                return;
            }
            CheckEntry(entry, ordered.Current, seen);
        }
        Require(_findings.Count > 0 || !ordered.MoveNext(), "order.entries", "there are fewer entries than were ordered");
    }

    private void CheckEntry(DerSpan entry, RevokedCertificate wanted, HashSet<UInt128> seen)
    {
        var serial = entry.ReadIntegerBytes();
        Require(serial.SequenceEqual(wanted.Serial.Bytes.Span), "order.serial", $"an entry is not the {wanted.Serial} that was ordered");
        Require(serial.Length == 16 && serial[0] is > 0 and < 0x80, "L-1.serial", $"{wanted.Serial} is no serial number of ours");
        Require(serial.Length != 16 || seen.Add(System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(serial)), "L-1.twice", $"{wanted.Serial} is listed twice");
        Require(Seconds(ReadTime(ref entry)) == Seconds(wanted.RevokedAt), "order.revoked-at", $"{wanted.Serial} is listed with another time");
        var reason = entry.HasData ? ReadReason(entry.ReadSequence()) : RevocationReason.Unspecified;
        entry.ThrowIfNotEmpty();
        Require(reason == wanted.Reason, "order.reason", $"{wanted.Serial} is listed with another reason");
        Require(Enum.IsDefined(wanted.Reason), "L-1.reason", $"{wanted.Serial} is listed for a reason that we do not give"); // removeFromCRL, 8, is for deltas only
    }

    /// <summary>The one extension of an entry; absent, not zero, where no reason is given. RFC 5280 5.3.1</summary>
    private RevocationReason ReadReason(DerSpan extensions)
    {
        // As it must be, in a list of a million entries: the bytes are compared, and no identifier is made a text. Whatever differs is read below, and told.
        if (extensions.Rest is [.., var only and not 0] asEver && asEver[..^1].SequenceEqual(ReasonAsEver)) return (RevocationReason)only;
        var (oid, critical, value) = ReadExtension(ref extensions);
        extensions.ThrowIfNotEmpty();
        Require(oid == Oids.CrlReason && !critical, "L-1.entry-extension", "an entry has another extension than its reason");
        if (oid != Oids.CrlReason) return RevocationReason.Unspecified;
        var read = new DerSpan(value);
        var reason = (RevocationReason)read.ReadEnumerated();
        read.ThrowIfNotEmpty();
        Require(reason != RevocationReason.Unspecified, "L-1.unspecified", "an unspecified reason is written out");
        return reason;
    }

    /// <summary>UTCTime through 2049, GeneralizedTime after. RFC 5280 5.1.2.4</summary>
    private DateTimeOffset ReadTime(ref DerSpan fields)
    {
        var tag = fields.Tag;
        var at = fields.ReadTime();
        Require(tag == (at.UtcDateTime.Year < 2050 ? Asn1Tag.UtcTime : Asn1Tag.GeneralizedTime), "L-1.time", "a time is not UTCTime through 2049 and GeneralizedTime after");
        return at;
    }

    private static Extension ReadExtension(ref DerSpan list)
    {
        var one = list.ReadSequence();
        var oid = one.ReadOid();
        var critical = one.Tag == Asn1Tag.Boolean;
        if (critical && !one.ReadBoolean(Asn1Tag.Boolean)) throw new AsnContentException("The default FALSE is written out, which DER forbids.");
        var value = one.ReadOctets();
        one.ThrowIfNotEmpty();
        return new Extension(oid, critical, value);
    }

    private readonly ref struct Extension(string oid, bool critical, ReadOnlySpan<byte> value)
    {
        private readonly ReadOnlySpan<byte> _value = value;

        public void Deconstruct(out string name, out bool isCritical, out ReadOnlySpan<byte> content)
        {
            (name, isCritical) = (oid, critical);
            content = _value;
        }
    }
}
