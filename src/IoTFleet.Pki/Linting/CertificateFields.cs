using System.Formats.Asn1;

namespace IoTFleet.Pki.Linting;

internal sealed record ExtensionField(string Oid, bool Critical, ReadOnlyMemory<byte> Value);

internal sealed record NamePart(string Oid, UniversalTagNumber Type, string Value);

/// <summary>
/// A certificate taken apart into its raw fields, strictly by DER. Reads what is there rather than what is expected: the rules
/// judge afterwards. Shares nothing with the code that builds certificates.
/// </summary>
internal sealed class CertificateFields
{
    private static readonly Asn1Tag Version = new(TagClass.ContextSpecific, 0, isConstructed: true);
    private static readonly Asn1Tag ExtensionList = new(TagClass.ContextSpecific, 3, isConstructed: true);

    public int VersionNumber { get; private set; }
    public ReadOnlyMemory<byte> Serial { get; private set; }
    public ReadOnlyMemory<byte> InnerAlgorithm { get; private set; }
    public ReadOnlyMemory<byte> OuterAlgorithm { get; private set; }
    public ReadOnlyMemory<byte> Issuer { get; private set; }
    public (Asn1Tag Tag, DateTimeOffset At) NotBefore { get; private set; }
    public (Asn1Tag Tag, DateTimeOffset At) NotAfter { get; private set; }
    public List<NamePart> Subject { get; } = [];
    public ReadOnlyMemory<byte> SubjectRaw { get; private set; }
    public ReadOnlyMemory<byte> PublicKey { get; private set; }
    public List<ExtensionField> Extensions { get; } = [];

    /// <exception cref="AsnContentException">Not DER, or not a certificate's shape.</exception>
    public static CertificateFields Parse(ReadOnlyMemory<byte> certificate)
    {
        var outer = new AsnReader(certificate, AsnEncodingRules.DER);
        var parts = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        var fields = new CertificateFields();
        fields.ReadToBeSigned(parts.ReadSequence());
        fields.OuterAlgorithm = parts.ReadEncodedValue();
        parts.ReadBitString(out _);
        parts.ThrowIfNotEmpty();
        return fields;
    }

    public ExtensionField? Find(string oid) => Extensions.Find(extension => extension.Oid == oid);

    private void ReadToBeSigned(AsnReader fields)
    {
        VersionNumber = fields.PeekTag() == Version && fields.ReadSequence(Version).TryReadInt32(out var version) ? version : 0;
        Serial = fields.ReadIntegerBytes();
        InnerAlgorithm = fields.ReadEncodedValue();
        Issuer = fields.ReadEncodedValue();
        var validity = fields.ReadSequence();
        NotBefore = ReadTime(validity);
        NotAfter = ReadTime(validity);
        validity.ThrowIfNotEmpty();
        SubjectRaw = fields.PeekEncodedValue();
        ReadName(fields.ReadSequence());
        PublicKey = fields.ReadEncodedValue();
        if (fields.HasData) ReadExtensions(fields.ReadSequence(ExtensionList)); // Unique identifiers would stand before them; we never have any.
        fields.ThrowIfNotEmpty();
    }

    private static (Asn1Tag Tag, DateTimeOffset At) ReadTime(AsnReader validity)
    {
        var tag = validity.PeekTag();
        return tag == Asn1Tag.UtcTime ? (tag, validity.ReadUtcTime(2049)) : (tag, validity.ReadGeneralizedTime());
    }

    private void ReadName(AsnReader name)
    {
        while (name.HasData)
        {
            var part = name.ReadSetOf();
            var pair = part.ReadSequence();
            part.ThrowIfNotEmpty(); // Several values in one part: we never write such.
            var oid = pair.ReadObjectIdentifier();
            var tag = pair.PeekTag();
            var type = (UniversalTagNumber)tag.TagValue;
            if (tag.TagClass != TagClass.Universal || !IsText(type)) throw new AsnContentException("A part of the subject is not text.");
            Subject.Add(new NamePart(oid, type, pair.ReadCharacterString(type)));
            pair.ThrowIfNotEmpty();
        }
    }

    private static bool IsText(UniversalTagNumber type) => type is
        UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String or
        UniversalTagNumber.T61String or UniversalTagNumber.BMPString or UniversalTagNumber.NumericString or UniversalTagNumber.VisibleString;

    private void ReadExtensions(AsnReader wrapper)
    {
        var list = wrapper.ReadSequence();
        wrapper.ThrowIfNotEmpty();
        while (list.HasData)
        {
            var extension = list.ReadSequence();
            var oid = extension.ReadObjectIdentifier();
            var critical = false;
            if (extension.PeekTag() == Asn1Tag.Boolean)
            {
                critical = extension.ReadBoolean();
                if (!critical) throw new AsnContentException("The default FALSE is written out, which DER forbids.");
            }
            Extensions.Add(new ExtensionField(oid, critical, extension.ReadOctetString()));
            extension.ThrowIfNotEmpty();
        }
    }
}
