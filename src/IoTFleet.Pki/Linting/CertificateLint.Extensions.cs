using System.Formats.Asn1;

namespace IoTFleet.Pki.Linting;

internal sealed partial class CertificateLint
{
    private const int MaxUrl = 200;

    // DER has one encoding for each value, so comparing the bytes compares everything.
    private static readonly byte[] NotAnAuthority = [0x30, 0x00];
    private static readonly byte[] DigitalSignature = [0x03, 0x02, 0x07, 0x80];
    private static readonly byte[] SignsCertificatesAndCrls = [0x03, 0x02, 0x01, 0x06];
    private static readonly byte[] Null = [0x05, 0x00];

    private void CheckExtensions()
    {
        var expected = ExpectedExtensions();
        foreach (var extension in _fields.Extensions)
        {
            if (expected.TryGetValue(extension.Oid, out var critical))
                Require(extension.Critical == critical, "P-5.critical", $"the extension {extension.Oid} must {(critical ? "" : "not ")}be critical");
            else
                Require(false, "P-5.extension", $"the profile has no extension {extension.Oid}");
            Require(!Same(extension.Value, NotAnAuthority) || extension.Oid == Oids.BasicConstraints, "P-5.empty", $"the extension {extension.Oid} is an empty sequence");
        }
        Require(_fields.Extensions.Select(extension => extension.Oid).Distinct().Count() == _fields.Extensions.Count, "P-5.twice", "an extension is there twice");
        foreach (var oid in expected.Keys) Require(_fields.Find(oid) is not null, "P-5.missing", $"the extension {oid} is missing");
        CheckFixedValues();
        CheckValue(Oids.ExtendedKeyUsage, "P-5.purposes", CheckPurposes);
        CheckValue(Oids.SubjectAlternativeName, "P-7.identity", CheckAlternativeNames);
        CheckValue(Oids.CrlDistributionPoints, "P-8.crl", CheckDistributionPoint);
        CheckValue(Oids.AuthorityInformationAccess, "P-8.access", CheckAccess);
        CheckConstraints();
        Require(_rules.Publishes || (_order.CrlUrl ?? _order.OcspUrl ?? _order.IssuerUrl) is null, "P-8.publishes", "the profile names no places of publication");
    }

    /// <summary>Which there must be, and whether critical; no other may be there.</summary>
    private Dictionary<string, bool> ExpectedExtensions()
    {
        var expected = new Dictionary<string, bool>
        {
            [Oids.BasicConstraints] = true,
            [Oids.KeyUsage] = true,
            [Oids.SubjectKeyIdentifier] = false,
        };
        if (!_rules.IsRoot) expected[Oids.AuthorityKeyIdentifier] = false;
        if (_rules.Purposes.Length > 0) expected[Oids.ExtendedKeyUsage] = false;
        if (_rules.Names != SubjectNames.None) expected[Oids.SubjectAlternativeName] = false;
        if (_rules is { IsAuthority: true, UriHost: not null } || _order.DnsSuffixes.Count > 0) expected[Oids.NameConstraints] = true;
        if (_rules.NoCheck) expected[Oids.OcspNoCheck] = false;
        if (_order.CrlUrl is not null) expected[Oids.CrlDistributionPoints] = false;
        if ((_order.OcspUrl ?? _order.IssuerUrl) is not null) expected[Oids.AuthorityInformationAccess] = false;
        return expected;
    }

    private void CheckFixedValues()
    {
        RequireValue(Oids.BasicConstraints, _rules.PathLength is { } length ? [0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, (byte)length] : NotAnAuthority,
            "P-5.basic-constraints", "the basic constraints are not the profile's");
        RequireValue(Oids.KeyUsage, _rules.IsAuthority ? SignsCertificatesAndCrls : DigitalSignature, "P-5.key-usage", "the key usage is not the profile's");
        RequireValue(Oids.SubjectKeyIdentifier, [0x04, 0x14, .. KeyId()], "P-4.subject-key", "the subject key identifier is not the SHA-1 of the key");
        RequireValue(Oids.AuthorityKeyIdentifier, [0x30, 0x16, 0x80, 0x14, .. _issuer.KeyId], "P-4.authority-key", "the authority key identifier is not the issuer's, by key only");
        RequireValue(Oids.OcspNoCheck, Null, "P-5.nocheck", "id-pkix-ocsp-nocheck is not NULL");
    }

    private void RequireValue(string oid, ReadOnlySpan<byte> expected, string rule, string problem)
    {
        if (_fields.Find(oid) is { } found) Require(Same(found.Value, expected), rule, problem);
    }

    private void CheckValue(string oid, string rule, Action<AsnReader> check)
    {
        if (_fields.Find(oid) is not { } found) return;
        try
        {
            var reader = new AsnReader(found.Value, AsnEncodingRules.DER);
            check(reader.ReadSequence());
            reader.ThrowIfNotEmpty();
        }
        catch (AsnContentException malformed)
        {
            Require(false, rule, $"the extension {oid} cannot be read: {malformed.Message}");
        }
    }

    private void CheckPurposes(AsnReader value)
    {
        var purposes = new List<string>();
        while (value.HasData) purposes.Add(value.ReadObjectIdentifier());
        Require(purposes.SequenceEqual(_rules.Purposes), "P-5.purposes", "the extended key usage is not the profile's");
    }

    private void CheckAlternativeNames(AsnReader names)
    {
        if (_rules.Names == SubjectNames.Uri) CheckUri(names);
        else if (_rules.Names == SubjectNames.Hosts) CheckHosts(names);
    }

    /// <summary>One point, by its full name only, and one URL. RFC 5280 4.2.1.13</summary>
    private void CheckDistributionPoint(AsnReader points)
    {
        var tag = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        var point = points.ReadSequence();
        var name = point.ReadSequence(tag);
        var fullName = name.ReadSequence(tag);
        CheckUrl(ReadText(fullName, 6), _order.CrlUrl, "P-8.crl");
        Require(!points.HasData && !point.HasData && !name.HasData && !fullName.HasData, "P-8.crl", "there is more than one distribution point, URL or field");
    }

    /// <summary>At most one URL of each kind. RFC 5280 4.2.2.1</summary>
    private void CheckAccess(AsnReader descriptions)
    {
        string? ocsp = null, issuer = null;
        while (descriptions.HasData)
        {
            var one = descriptions.ReadSequence();
            var method = one.ReadObjectIdentifier();
            var url = ReadText(one, 6);
            Require(!one.HasData && (method == Oids.AccessOcsp && ocsp is null || method == Oids.AccessCaIssuers && issuer is null),
                "P-8.access", $"{method} is there twice or is not what we publish");
            if (method == Oids.AccessOcsp) ocsp = url;
            else issuer = url;
        }
        CheckUrl(ocsp, _order.OcspUrl, "P-8.ocsp");
        CheckUrl(issuer, _order.IssuerUrl, "P-8.issuer-url");
    }

    /// <summary>Never https: who fetches it to check a certificate would have to check another first. RFC 5280 8</summary>
    private void CheckUrl(string? url, string? ordered, string rule)
    {
        Require(url == ordered, rule, "the URL is not the one that was ordered");
        if (url is null) return;
        Require(Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme == "http" && url.StartsWith("http://", StringComparison.Ordinal) &&
            parsed.UserInfo.Length == 0 && parsed.Fragment.Length == 0 && parsed.Query.Length == 0 && url.Length <= MaxUrl && url.All(c => c is > ' ' and < '\x7F'),
            rule, "the URL is not plain http without a user, query or fragment, of at most 200 characters");
    }

    private void CheckConstraints()
    {
        if (_fields.Find(Oids.NameConstraints) is not { } found || !_rules.IsAuthority) return;
        var expected = PermittedNames.For(_order, _rules);
        Require(expected is not null && Same(found.Value, expected.Encode()), "P-9.constraints", "the name constraints are not the profile's");
        Require(_order.DnsSuffixes.All(IsHost), "P-9.suffix", "a permitted DNS suffix is not a name in lower case");
    }
}
