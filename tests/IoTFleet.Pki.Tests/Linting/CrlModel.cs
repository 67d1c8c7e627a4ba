using System.Formats.Asn1;

namespace IoTFleet.Pki.Tests.Linting;

/// <summary>A revocation list's fields as raw DER that a test can change one by one. Shares nothing with the product's encoder.</summary>
internal sealed class CrlModel
{
    public byte[] Version { get; set; } = [];
    public byte[] Algorithm { get; set; } = [];
    public byte[] Issuer { get; set; } = [];
    public byte[] ThisUpdate { get; set; } = [];
    public byte[] NextUpdate { get; set; } = [];

    /// <summary>Null when the list has no list of entries at all.</summary>
    public List<byte[][]>? Entries { get; set; }
    public List<CertificateModel.Extension> Extensions { get; } = [];
    public byte[] After { get; set; } = [];

    public static CrlModel Of(byte[] toBeSigned)
    {
        var fields = new AsnReader(toBeSigned, AsnEncodingRules.DER).ReadSequence();
        var model = new CrlModel { Version = Next(fields), Algorithm = Next(fields), Issuer = Next(fields), ThisUpdate = Next(fields), NextUpdate = Next(fields) };
        if (fields.PeekTag() == Asn1Tag.Sequence)
        {
            model.Entries = [];
            for (var list = fields.ReadSequence(); list.HasData;) model.Entries.Add(Parts(list.ReadSequence()));
        }
        for (var list = fields.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0, true)).ReadSequence(); list.HasData;)
        {
            var one = list.ReadSequence();
            var oid = one.ReadObjectIdentifier();
            model.Extensions.Add(new(oid, one.PeekTag() == Asn1Tag.Boolean ? Next(one) : [], one.ReadOctetString()));
        }
        return model;
    }

    public byte[] Encode() => Der.Sequence(
        Version, Algorithm, Issuer, ThisUpdate, NextUpdate,
        Entries is null ? [] : Der.Sequence([.. Entries.Select(entry => Der.Sequence(entry))]),
        Der.Tagged(0, Der.Sequence([.. Extensions.Select(one => Der.Sequence(Der.Oid(one.Oid), one.Critical, Der.OctetString(one.Value)))])), After);

    public CertificateModel.Extension this[string oid]
    {
        get => Extensions.Single(extension => extension.Oid == oid);
        set => Extensions[Extensions.FindIndex(extension => extension.Oid == oid)] = value;
    }

    public void SetValue(string oid, byte[] value) => this[oid] = this[oid] with { Value = value };

    private static byte[][] Parts(AsnReader entry)
    {
        List<byte[]> parts = [];
        while (entry.HasData) parts.Add(Next(entry));
        return [.. parts];
    }

    private static byte[] Next(AsnReader reader) => reader.ReadEncodedValue().ToArray();
}
