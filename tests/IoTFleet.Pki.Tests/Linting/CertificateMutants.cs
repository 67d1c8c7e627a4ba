using System.Formats.Asn1;

namespace IoTFleet.Pki.Tests.Linting;

/// <summary>One field changed, and the rule that must notice.</summary>
internal sealed record Mutant(string Name, string Rule, Action<CertificateModel> Change);

/// <summary>Every field of every profile, changed in each way we could think of. A change that a profile has no field for is left out.</summary>
internal static class CertificateMutants
{
    private const string AnyPurpose = "2.5.29.37.0";
    private static readonly DateTimeOffset Now = ProfileSample.Now;

    private static readonly Mutant[] Fields =
    [
        new("version 1", "P-1.version", model => model.Version = null),
        new("version 2", "P-1.version", model => model.Version = Der.Tagged(0, Der.Integer(1))),
        new("version 4", "P-1.version", model => model.Version = Der.Tagged(0, Der.Integer(3))),
        new("short serial", "P-2.serial", model => model.Serial = Der.Integer([.. Enumerable.Repeat((byte)1, 15)])),
        new("long serial", "P-2.serial", model => model.Serial = Der.Integer([.. Enumerable.Repeat((byte)1, 17)])),
        new("negative serial", "P-2.serial", model => model.Serial = Der.Integer([0x80, .. Enumerable.Repeat((byte)1, 15)])),
        new("serial zero", "P-2.serial", model => model.Serial = Der.Integer(0)),
        new("serial that begins with 0", "P-2.serial", model => model.Serial = [0x02, 0x10, 0x00, 0x81, .. Enumerable.Repeat((byte)1, 14)]),
        new("serial of another certificate", "order.serial", model => model.Serial = Der.Integer([.. Enumerable.Repeat((byte)1, 16)])),
        new("SHA-1", "P-1.algorithm", model => model.Algorithm = model.OuterAlgorithm = Der.Sequence(Der.Oid("1.2.840.10045.4.1"))),
        new("RSA with SHA-256", "P-1.algorithm", model => model.Algorithm = model.OuterAlgorithm = Der.Sequence(Der.Oid("1.2.840.113549.1.1.11"), Der.Null)),
        new("parameters of the algorithm", "P-1.algorithm", model => model.Algorithm = model.OuterAlgorithm = Der.Sequence(Der.Oid("1.2.840.10045.4.3.2"), Der.Null)),
        new("other algorithm outside", "P-1.algorithm-twice", model => model.OuterAlgorithm = Der.Sequence(Der.Oid("1.2.840.10045.4.3.3"))),
        new("other issuer", "P-4.issuer", model => model.Issuer = Der.Sequence(Der.SubjectPart("2.5.4.3", UniversalTagNumber.UTF8String, "Evil CA"))),
        new("issuer of nothing", "P-4.issuer", model => model.Issuer = Der.Sequence()),
        new("begins a second earlier", "order.validity", model => model.NotBefore = Der.UtcTime(Read(model.NotBefore).AddSeconds(-1))),
        new("begins two days ago", "P-3.backdate", model => model.NotBefore = Der.UtcTime(Now.AddDays(-2))),
        new("begins tomorrow", "P-3.future", model => model.NotBefore = Der.UtcTime(Now.AddDays(1))),
        new("ends a second later", "order.validity", model => model.NotAfter = Time(Read(model.NotAfter).AddSeconds(1))),
        new("ends too late", "P-3.lifetime", model => model.NotAfter = Der.GeneralizedTime(Now.AddYears(50))),
        new("outlives its issuer", "P-3.outlives", model => model.NotAfter = Der.GeneralizedTime(Now.AddYears(50))),
        new("ends before it begins", "P-3.order", model => model.NotAfter = Der.UtcTime(Now.AddDays(-30))),
        new("GeneralizedTime before 2050", "P-5.time", model => model.NotBefore = Der.GeneralizedTime(Read(model.NotBefore))),
        new("end as GeneralizedTime before 2050", "P-5.time", model => model.NotAfter = Der.GeneralizedTime(Read(model.NotAfter))),
        new("no subject", "P-5.subject", model => model.Subject.Clear()),
        new("other CN", "P-5.common-name", model => model.Subject[0] = CommonName(UniversalTagNumber.UTF8String, "pump-2")),
        new("CN as PrintableString", "P-5.common-name", model => model.Subject[0] = CommonName(UniversalTagNumber.PrintableString, "pump-1")),
        new("CN as T61String", "P-5.common-name", model => model.Subject[0] = CommonName(UniversalTagNumber.T61String, "pump-1")),
        new("two CNs", "P-5.subject", model => model.Subject.Add(model.Subject[0])),
        new("an OU", "P-5.subject", model => model.Subject.Add(Der.SubjectPart("2.5.4.11", UniversalTagNumber.UTF8String, "unit"))),
        new("two values in one part", "P-5.der", model => model.Subject[0] = Der.Set(
            Der.Sequence(Der.Oid("2.5.4.3"), Der.Text(UniversalTagNumber.UTF8String, "a")), Der.Sequence(Der.Oid("2.5.4.3"), Der.Text(UniversalTagNumber.UTF8String, "b")))),
        new("unique identifier", "P-5.der", model => model.BeforeExtensions = [0x81, 0x02, 0x00, 0x01]),
        new("a field after the extensions", "P-5.der", model => model.AfterExtensions = Der.Null),
        new("key of another", "order.key", model => model.PublicKey[^1] ^= 1),
        new("curve P-521", "P-1.key", model => model.PublicKey = Key("1.3.132.0.35", 133)),
        new("curve secp256k1", "P-1.key", model => model.PublicKey = Key("1.3.132.0.10", 65)),
        new("compressed point", "P-1.key", model => model.PublicKey = Key(Oids.P256, 33)),
        new("no curve", "P-1.key", model => model.PublicKey = Der.Sequence(Der.Sequence(Der.Oid(Oids.EcPublicKey)), Der.BitString(new byte[65]))),
        new("Ed25519", "P-1.key", model => model.PublicKey = Der.Sequence(Der.Sequence(Der.Oid("1.3.101.112")), Der.BitString(new byte[32]))),
        new("RSA of 1024 bits", "P-1.key", model => model.PublicKey = Der.Sequence(Der.Sequence(Der.Oid(Oids.RsaEncryption), Der.Null), Der.BitString(new byte[140]))),
        new("far too large", "P-6.size", model => model.Subject.Add(Der.SubjectPart("2.5.4.13", UniversalTagNumber.UTF8String, new string('x', 5000)))),
    ];

    private static readonly Mutant[] Extensions =
    [
        new("no extensions", "P-5.missing", model => model.Extensions.Clear()),
        new("unknown extension", "P-5.extension", model => model.Add("1.2.3.4", 0x05, 0x00)),
        new("certificate policies", "P-5.extension", model => model.Add("2.5.29.32", 0x30, 0x02, 0x30, 0x00)),
        new("empty sequence", "P-5.empty", model => model.Add("2.5.29.32", 0x30, 0x00)),
        new("issuer's alternative name", "P-5.extension", model => model.Add("2.5.29.18", Der.Sequence(Der.Name(6, "http://a/")))),
        new("basic constraints of the other kind", "P-5.basic-constraints", model => model.SetValue(Oids.BasicConstraints, model[Oids.BasicConstraints].Value is [0x30, 0x00] ? Der.Sequence(Der.True) : [0x30, 0x00])),
        new("no path length", "P-5.basic-constraints", model => model.SetValue(Oids.BasicConstraints, Der.Sequence(Der.True))),
        new("longer path", "P-5.basic-constraints", model => model.SetValue(Oids.BasicConstraints, Der.Sequence(Der.True, Der.Integer(2)))),
        new("cA FALSE written out", "P-5.basic-constraints", model => model.SetValue(Oids.BasicConstraints, Der.Sequence(Der.False))),
        new("all key usages", "P-5.key-usage", model => model.SetValue(Oids.KeyUsage, Der.BitString([0xFE], 1))),
        new("no key usage", "P-5.key-usage", model => model.SetValue(Oids.KeyUsage, Der.BitString([]))),
        new("key encipherment too", "P-5.key-usage", model => model.SetValue(Oids.KeyUsage, Der.BitString([0xA0], 5))),
        new("key usage with trailing bytes", "P-5.key-usage", model => model.SetValue(Oids.KeyUsage, [.. model[Oids.KeyUsage].Value, 0])),
        new("other subject key identifier", "P-4.subject-key", model => model.SetValue(Oids.SubjectKeyIdentifier, Der.OctetString(new byte[20]))),
        new("long subject key identifier", "P-4.subject-key", model => model.SetValue(Oids.SubjectKeyIdentifier, Der.OctetString(new byte[32]))),
        new("other authority key", "P-4.authority-key", model => model.SetValue(Oids.AuthorityKeyIdentifier, Der.Sequence([0x80, 0x14, .. new byte[20]]))),
        new("authority key by issuer and serial", "P-4.authority-key", model => model.SetValue(Oids.AuthorityKeyIdentifier, Der.Sequence(
            Der.Tagged(1, Der.Tagged(4, model.Issuer)), [0x82, 0x01, 0x01]))),
        new("authority key of nothing", "P-5.empty", model => model.SetValue(Oids.AuthorityKeyIdentifier, 0x30, 0x00)),
        new("any purpose", "P-5.purposes", model => model.SetValue(Oids.ExtendedKeyUsage, Der.Sequence(Der.Oid(AnyPurpose)))),
        new("another purpose", "P-5.purposes", model => model.SetValue(Oids.ExtendedKeyUsage, Der.Sequence(Der.Oid("1.3.6.1.5.5.7.3.4")))),
        new("one purpose more", "P-5.purposes", model => model.SetValue(Oids.ExtendedKeyUsage, [.. Der.Sequence([.. PurposesOf(model), Der.Oid("1.3.6.1.5.5.7.3.3")])])),
        new("purpose twice", "P-5.purposes", model => model.SetValue(Oids.ExtendedKeyUsage, Der.Sequence([.. PurposesOf(model), PurposesOf(model)[0]]))),
        new("no purposes", "P-5.empty", model => model.SetValue(Oids.ExtendedKeyUsage, 0x30, 0x00)),
        new("purposes that are none", "P-5.purposes", model => model.SetValue(Oids.ExtendedKeyUsage, 0x04, 0x00)),
        new("nocheck of the wrong type", "P-5.nocheck", model => model.SetValue(Oids.OcspNoCheck, Der.True)),
        new("nothing excluded", "P-9.constraints", model => model.SetValue(Oids.NameConstraints, Der.Sequence(FirstOf(model[Oids.NameConstraints].Value)))),
        new("constraints of another fleet", "P-9.constraints", model => model.SetValue(Oids.NameConstraints, Replace(model[Oids.NameConstraints].Value, (byte)'f', (byte)'g'))),
        new("no constraints at all", "P-5.empty", model => model.SetValue(Oids.NameConstraints, 0x30, 0x00)),
    ];

    private static readonly Mutant[] Places =
    [
        new("list over https", "P-8.crl", model => model.SetValue(Oids.CrlDistributionPoints, Points("https://fleet.example/3.crl"))),
        new("list of another shard", "P-8.crl", model => model.SetValue(Oids.CrlDistributionPoints, Points("http://fleet.example:8880/crl/0/4.crl"))),
        new("list over ldap", "P-8.crl", model => model.SetValue(Oids.CrlDistributionPoints, Points("ldap://fleet.example/3"))),
        new("two lists", "P-8.crl", model => model.SetValue(Oids.CrlDistributionPoints, Der.Sequence(Point("http://a/3.crl"), Point("http://b/3.crl")))),
        new("list with reasons", "P-8.crl", model => model.SetValue(Oids.CrlDistributionPoints, Der.Sequence(
            Der.Sequence(Der.Tagged(0, Der.Tagged(0, Der.Name(6, "http://a/"))), [0x81, 0x02, 0x01, 0x06])))),
        new("list of no place", "P-8.crl", model => model.SetValue(Oids.CrlDistributionPoints, Der.Sequence(Der.Sequence()))),
        new("responder over https", "P-8.ocsp", model => model.SetValue(Oids.AuthorityInformationAccess, Access(Oids.AccessOcsp, "https://fleet.example/ocsp"))),
        new("responder elsewhere", "P-8.ocsp", model => model.SetValue(Oids.AuthorityInformationAccess, Access(Oids.AccessOcsp, "http://evil.example/ocsp"))),
        new("issuer's certificate elsewhere", "P-8.issuer-url", model => model.SetValue(Oids.AuthorityInformationAccess, Access(Oids.AccessCaIssuers, "http://evil.example/ca"))),
        new("two responders", "P-8.access", model => model.SetValue(Oids.AuthorityInformationAccess, Der.Sequence(
            Description(Oids.AccessOcsp, "http://fleet.example:8880/ocsp"), Description(Oids.AccessOcsp, "http://fleet.example:8880/ocsp")))),
        new("unknown access method", "P-8.access", model => model.SetValue(Oids.AuthorityInformationAccess, Access("1.3.6.1.5.5.7.48.3", "http://fleet.example/"))),
        new("access of nothing", "P-5.empty", model => model.SetValue(Oids.AuthorityInformationAccess, 0x30, 0x00)),
    ];

    private static readonly Mutant[] Identities =
    [
        new("no name", "P-5.empty", model => model.SetValue(Oids.SubjectAlternativeName, 0x30, 0x00)),
        new("mailbox", "names", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(1, "a@b.example")))),
        new("names with trailing bytes", "P-7.identity", model => model.SetValue(Oids.SubjectAlternativeName, [.. model[Oids.SubjectAlternativeName].Value, 0x05, 0x00])),
    ];

    private static readonly Mutant[] Uris =
    [
        new("two URIs", "P-7.identity", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(FirstOf(model[Oids.SubjectAlternativeName].Value), Der.Name(6, "spiffe://x/y")))),
        new("a host beside the URI", "P-7.identity", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(FirstOf(model[Oids.SubjectAlternativeName].Value), Der.Name(2, "x")))),
        new("a host instead of the URI", "P-7.identity", model => SetUri(model, 2, "pump-1")),
        new("other fleet", "P-9.constraint", model => SetUri(model, 6, UriOf(model).Replace("fleet.local", "other.local", StringComparison.Ordinal))),
        new("other kind of holder", "P-7.uri", model => SetUri(model, 6, "spiffe://user.fleet.local/pump-1")),
        new("https", "P-7.uri", model => SetUri(model, 6, UriOf(model).Replace("spiffe", "https", StringComparison.Ordinal))),
        new("urn", "P-7.uri", model => SetUri(model, 6, "urn:device:pump-1")),
        new("upper case", "P-7.grammar", model => SetUri(model, 6, UriOf(model)[..^1] + "X")),
        new("percent escape", "P-7.grammar", model => SetUri(model, 6, UriOf(model) + "%2e")),
        new("trailing dot", "P-7.grammar", model => SetUri(model, 6, UriOf(model) + ".")),
        new("path below", "P-7.grammar", model => SetUri(model, 6, UriOf(model) + "/x")),
        new("query", "P-7.grammar", model => SetUri(model, 6, UriOf(model) + "?x=1")),
        new("NUL", "P-7.grammar", model => SetUri(model, 6, UriOf(model) + "\0x")),
        new("name too long", "P-7.grammar", model => SetUri(model, 6, UriOf(model) + new string('x', 64))),
        new("other name than the CN's", "P-7.common-name", model => SetUri(model, 6, UriOf(model) + "0")),
    ];

    private static readonly Mutant[] Hosts =
    [
        new("URI in a server's", "P-7.hosts", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(6, "spiffe://device.fleet.local/pump-1")))),
        new("upper case", "P-7.host", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(2, "Fleet.example")))),
        new("wildcard", "P-7.host", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(2, "*.example")))),
        new("trailing dot", "P-7.host", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(2, "fleet.example.")))),
        new("empty host", "P-7.host", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(2, "")))),
        new("host twice", "P-7.hosts-twice", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(2, "fleet.example"), Der.Name(2, "fleet.example")))),
        new("another host", "order.hosts", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(2, "evil.example")))),
        new("address of five bytes", "P-7.hosts", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Address(1, 2, 3, 4, 5)))),
        new("NUL", "P-7.host", model => model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(2, "fleet.example\0.evil")))),
    ];

    private static readonly Mutant[] HardwareSerials =
    [
        new("other maker's serial", "P-5.serial-number", model => model.Subject[1] = Der.SubjectPart("2.5.4.5", UniversalTagNumber.PrintableString, "SN-0002")),
        new("maker's serial as UTF8String", "P-5.serial-number", model => model.Subject[1] = Der.SubjectPart("2.5.4.5", UniversalTagNumber.UTF8String, "SN-0001")),
        new("no maker's serial", "P-5.subject", model => model.Subject.RemoveAt(1)),
        new("maker's serial of nothing", "P-5.serial-number", model => model.Subject[1] = Der.SubjectPart("2.5.4.5", UniversalTagNumber.PrintableString, "")),
    ];

    private static readonly Mutant[] Organizations =
    [
        new("other fleet", "P-5.fleet", model => model.Subject[1] = Der.SubjectPart("2.5.4.10", UniversalTagNumber.UTF8String, "other.local")),
        new("O as PrintableString", "P-5.organization", model => model.Subject[1] = Der.SubjectPart("2.5.4.10", UniversalTagNumber.PrintableString, "fleet.local")),
        new("OU instead of O", "P-5.organization", model => model.Subject[1] = Der.SubjectPart("2.5.4.11", UniversalTagNumber.UTF8String, "fleet.local")),
        new("no O", "P-5.subject", model => model.Subject.RemoveAt(1)),
    ];

    public static IEnumerable<Mutant> For(Profile profile, CertificateModel sample)
    {
        var rules = ProfileRules.Of(profile);
        IEnumerable<Mutant> all =
        [
            .. Fields, .. Extensions, .. Places, .. Missing(sample), .. Doubled(sample), .. Criticality(sample), .. WrittenFalse(sample),
            .. rules.Names == SubjectNames.None ? [] : Identities,
            .. rules.Names == SubjectNames.Uri ? Uris : [],
            .. rules.Names == SubjectNames.Hosts ? Hosts : [],
            .. profile == Profile.Device ? HardwareSerials : [],
            .. rules.IsAuthority ? Organizations : [],
        ];
        return all.Where(mutant => Applies(mutant, rules, sample));
    }

    private static IEnumerable<Mutant> Missing(CertificateModel sample) => sample.Extensions.Select(extension =>
        new Mutant($"without {extension.Oid}", "P-5.missing", model => model.Extensions.Remove(model[extension.Oid])));

    private static IEnumerable<Mutant> Doubled(CertificateModel sample) => sample.Extensions.Select(extension =>
        new Mutant($"{extension.Oid} twice", "P-5.twice", model => model.Extensions.Add(model[extension.Oid])));

    private static IEnumerable<Mutant> Criticality(CertificateModel sample) => sample.Extensions.Select(extension => new Mutant(
        $"{extension.Oid} with the other criticality", "P-5.critical",
        model => model[extension.Oid] = model[extension.Oid] with { Critical = model[extension.Oid].Critical.Length > 0 ? [] : Der.True }));

    private static IEnumerable<Mutant> WrittenFalse(CertificateModel sample) => sample.Extensions.Select(extension => new Mutant(
        $"{extension.Oid} with FALSE written out", "P-5.der", model => model[extension.Oid] = model[extension.Oid] with { Critical = Der.False }));

    private static bool Applies(Mutant mutant, ProfileRules rules, CertificateModel sample)
    {
        if (rules.IsRoot && mutant.Rule == "P-3.outlives") return false;                  // Its own issuer.
        try
        {
            var copy = CertificateModel.Of(sample.ToBeSigned());
            mutant.Change(copy);
            return !copy.Encode().AsSpan().SequenceEqual(sample.Encode());
        }
        catch (InvalidOperationException)
        {
            return false; // The profile has no such extension.
        }
    }

    private static byte[] CommonName(UniversalTagNumber type, string text) => Der.SubjectPart("2.5.4.3", type, text);

    private static byte[] Key(string curve, int length) =>
        Der.Sequence(Der.Sequence(Der.Oid(Oids.EcPublicKey), Der.Oid(curve)), Der.BitString([4, .. new byte[length - 1]]));

    private static DateTimeOffset Read(byte[] time)
    {
        var reader = new AsnReader(time, AsnEncodingRules.DER);
        return reader.PeekTag() == Asn1Tag.UtcTime ? reader.ReadUtcTime(2049) : reader.ReadGeneralizedTime();
    }

    private static byte[] Time(DateTimeOffset at) => at.Year < 2050 ? Der.UtcTime(at) : Der.GeneralizedTime(at);

    private static byte[][] PurposesOf(CertificateModel model)
    {
        var purposes = new List<byte[]>();
        for (var list = new AsnReader(model[Oids.ExtendedKeyUsage].Value, AsnEncodingRules.DER).ReadSequence(); list.HasData;) purposes.Add(list.ReadEncodedValue().ToArray());
        return [.. purposes];
    }

    private static byte[] FirstOf(byte[] sequence) => new AsnReader(sequence, AsnEncodingRules.DER).ReadSequence().ReadEncodedValue().ToArray();

    private static byte[] Replace(byte[] value, byte old, byte changed) => [.. value.Select(b => b == old ? changed : b)];

    private static string UriOf(CertificateModel model) => new AsnReader(model[Oids.SubjectAlternativeName].Value, AsnEncodingRules.DER).ReadSequence()
        .ReadCharacterString(UniversalTagNumber.IA5String, new Asn1Tag(TagClass.ContextSpecific, 6));

    private static void SetUri(CertificateModel model, int tag, string text) =>
        model.SetValue(Oids.SubjectAlternativeName, Der.Sequence(Der.Name(tag, text)));

    private static byte[] Point(string url) => Der.Sequence(Der.Tagged(0, Der.Tagged(0, Der.Name(6, url))));

    private static byte[] Points(string url) => Der.Sequence(Point(url));

    private static byte[] Description(string method, string url) => Der.Sequence(Der.Oid(method), Der.Name(6, url));

    private static byte[] Access(string method, string url) => Der.Sequence(Description(method, url));
}
