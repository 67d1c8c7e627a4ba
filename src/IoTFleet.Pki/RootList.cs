using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>A root's revocation list that was made where its key is kept, as a server gets it. Only such as <see cref="OfflineCeremony.SignCrl"/> makes.</summary>
public sealed record RootList(RevocationList Content, ReadOnlyMemory<byte> Der)
{
    private const string Label = "X509 CRL";
    private const int MaxLength = 1024 * 1024;

    public string ToPem() => PemEncoding.WriteString(Label, Der.Span) + "\n";

    public static bool TryRead(string pem, X509Certificate2 root, [NotNullWhen(true)] out RootList? list, [NotNullWhen(false)] out string? problem)
    {
        list = null;
        problem = "it is not a revocation list in PEM";
        if (pem.Length > MaxLength || !PemEncoding.TryFind(pem, out var fields) || pem[fields.Label] != Label) return false;
        var der = new byte[fields.DecodedDataLength];
        if (!Convert.TryFromBase64String(pem[fields.Base64Data], der, out _)) return false;
        try
        {
            var parts = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
            var toBeSigned = parts.PeekEncodedValue();
            var content = Read(parts.ReadSequence());
            problem = "it is not signed by the root's key";
            if (!CertificateSignature.IsBy(der, root)) return false;
            // Written anew and compared: what this does not read cannot be in it.
            problem = "it is not a list of authorities as 'iotfleet ca crl' makes it";
            if (!content.EncodeToBeSigned(IssuerFacts.Of(root)).AsSpan().SequenceEqual(toBeSigned.Span)) return false;
            list = new RootList(content, der);
            return true;
        }
        catch (AsnContentException)
        {
            return false; // Brought by an operator, so expected.
        }
    }

    private static RevocationList Read(AsnReader fields)
    {
        fields.ReadInteger();
        fields.ReadSequence();
        fields.ReadSequence();
        var (from, until) = (ReadTime(fields), ReadTime(fields));
        var entries = new List<RevokedCertificate>();
        if (fields.PeekTag() == Asn1Tag.Sequence)
        {
            for (var rows = fields.ReadSequence(); rows.HasData;) entries.Add(ReadEntry(rows.ReadSequence()));
        }
        var extensions = fields.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true)).ReadSequence();
        extensions.ReadEncodedValue(); // The authority key's.
        var number = extensions.ReadSequence();
        number.ReadObjectIdentifier();
        return new RevocationList
        {
            Number = new AsnReader(number.ReadOctetString(), AsnEncodingRules.DER).ReadInteger(),
            ThisUpdate = from,
            NextUpdate = until,
            Entries = entries,
            OfAuthorities = true,
        };
    }

    private static RevokedCertificate ReadEntry(AsnReader entry)
    {
        var serial = SerialNumber.Parse(Convert.ToHexString(entry.ReadIntegerBytes().Span));
        var at = ReadTime(entry);
        if (!entry.HasData) return new RevokedCertificate(serial, at);
        var extension = entry.ReadSequence().ReadSequence();
        extension.ReadObjectIdentifier();
        return new RevokedCertificate(serial, at, new AsnReader(extension.ReadOctetString(), AsnEncodingRules.DER).ReadEnumeratedValue<RevocationReason>());
    }

    private static DateTimeOffset ReadTime(AsnReader fields) => fields.PeekTag() == Asn1Tag.UtcTime ? fields.ReadUtcTime(2049) : fields.ReadGeneralizedTime();
}
