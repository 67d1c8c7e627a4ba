using System.Formats.Asn1;

namespace IoTFleet.Pki.Tests.Linting;

/// <summary>A certificate as a list of raw fields that a test can change one by one. Shares nothing with the product's encoder.</summary>
internal sealed class CertificateModel
{
    private static readonly Asn1Tag Tag3 = new(TagClass.ContextSpecific, 3, isConstructed: true);

    public byte[]? Version { get; set; }
    public byte[] Serial { get; set; } = [];
    public byte[] Algorithm { get; set; } = [];
    public byte[] Issuer { get; set; } = [];
    public byte[] NotBefore { get; set; } = [];
    public byte[] NotAfter { get; set; } = [];
    public List<byte[]> Subject { get; } = [];
    public byte[] PublicKey { get; set; } = [];

    /// <summary>What stands between the key and the extensions: unique identifiers, where somebody writes them.</summary>
    public byte[] BeforeExtensions { get; set; } = [];
    public List<Extension> Extensions { get; } = [];
    public byte[] AfterExtensions { get; set; } = [];
    public byte[] OuterAlgorithm { get; set; } = [];

    public sealed record Extension(string Oid, byte[] Critical, byte[] Value);

    public static CertificateModel Of(byte[] toBeSigned)
    {
        var fields = new AsnReader(toBeSigned, AsnEncodingRules.DER).ReadSequence();
        var model = new CertificateModel
        {
            Version = Next(fields),
            Serial = Next(fields),
            Algorithm = Next(fields),
            Issuer = Next(fields),
        };
        var validity = fields.ReadSequence();
        (model.NotBefore, model.NotAfter) = (Next(validity), Next(validity));
        for (var subject = fields.ReadSequence(); subject.HasData;) model.Subject.Add(Next(subject));
        model.PublicKey = Next(fields);
        for (var list = fields.ReadSequence(Tag3).ReadSequence(); list.HasData;)
        {
            var one = list.ReadSequence();
            var oid = one.ReadObjectIdentifier();
            var critical = one.PeekTag() == Asn1Tag.Boolean ? Next(one) : [];
            model.Extensions.Add(new Extension(oid, critical, one.ReadOctetString()));
        }
        model.OuterAlgorithm = model.Algorithm;
        return model;
    }

    public byte[] ToBeSigned() => Der.Sequence(
        Version ?? [], Serial, Algorithm, Issuer, Der.Sequence(NotBefore, NotAfter), Der.Sequence([.. Subject]), PublicKey, BeforeExtensions,
        Der.Tagged(Tag3, Der.Sequence([.. Extensions.Select(Encode)])), AfterExtensions);

    public byte[] Encode() => Der.Sequence(ToBeSigned(), OuterAlgorithm, Der.BitString(new byte[70]));

    public Extension this[string oid]
    {
        get => Extensions.Single(extension => extension.Oid == oid);
        set => Extensions[Extensions.FindIndex(extension => extension.Oid == oid)] = value;
    }

    public bool Has(string oid) => Extensions.Exists(extension => extension.Oid == oid);

    public void SetValue(string oid, params byte[] value) => this[oid] = this[oid] with { Value = value };

    public void Add(string oid, params byte[] value) => Extensions.Add(new Extension(oid, [], value));

    private static byte[] Encode(Extension extension) => Der.Sequence(Der.Oid(extension.Oid), extension.Critical, Der.OctetString(extension.Value));

    private static byte[] Next(AsnReader reader) => reader.ReadEncodedValue().ToArray();
}

/// <summary>Pieces of DER, put together by hand.</summary>
internal static class Der
{
    public static readonly byte[] True = [0x01, 0x01, 0xFF];
    public static readonly byte[] False = [0x01, 0x01, 0x00];
    public static readonly byte[] Null = [0x05, 0x00];

    public static byte[] Sequence(params byte[][] parts) => Tagged(Asn1Tag.Sequence, parts);

    public static byte[] Set(params byte[][] parts)
    {
        var encoded = Sequence(parts);
        encoded[0] = 0x31;
        return encoded;
    }

    public static byte[] Tagged(Asn1Tag tag, params byte[][] parts)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER); // Lets through what DER forbids: that is what the tests want to write.
        using (writer.PushSequence(tag.TagClass == TagClass.Universal ? Asn1Tag.Sequence : tag))
        {
            foreach (var part in parts.Where(part => part.Length > 0)) writer.WriteEncodedValue(part);
        }
        return writer.Encode();
    }

    public static byte[] Tagged(int number, params byte[][] parts) => Tagged(new Asn1Tag(TagClass.ContextSpecific, number, isConstructed: true), parts);

    public static byte[] Oid(string oid) => Write(writer => writer.WriteObjectIdentifier(oid));

    public static byte[] OctetString(byte[] value) => Write(writer => writer.WriteOctetString(value));

    public static byte[] BitString(byte[] value, int unused = 0) => Write(writer => writer.WriteBitString(value, unused));

    public static byte[] Integer(params byte[] value) => Write(writer => writer.WriteInteger(value));

    public static byte[] Text(UniversalTagNumber type, string text) => Write(writer => writer.WriteCharacterString(type, text));

    /// <summary>A GeneralName of characters: 1 a mailbox, 2 a host, 6 a URI.</summary>
    public static byte[] Name(int tag, string text) =>
        Write(writer => writer.WriteCharacterString(UniversalTagNumber.IA5String, text, new Asn1Tag(TagClass.ContextSpecific, tag)));

    public static byte[] Address(params byte[] address) => Write(writer => writer.WriteOctetString(address, new Asn1Tag(TagClass.ContextSpecific, 7)));

    public static byte[] UtcTime(DateTimeOffset at) => Write(writer => writer.WriteUtcTime(at));

    public static byte[] GeneralizedTime(DateTimeOffset at) => Write(writer => writer.WriteGeneralizedTime(at, omitFractionalSeconds: true));

    public static byte[] SubjectPart(string oid, UniversalTagNumber type, string text) => Set(Sequence(Oid(oid), Text(type, text)));

    private static byte[] Write(Action<AsnWriter> write)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        write(writer);
        return writer.Encode();
    }
}
