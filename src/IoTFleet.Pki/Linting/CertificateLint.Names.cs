using System.Formats.Asn1;
using System.Net;

namespace IoTFleet.Pki.Linting;

internal sealed partial class CertificateLint
{
    private const int MaxHardwareSerial = 64; // ub-serial-number, X.520
    private const int MaxCommonName = 64;     // ub-common-name, RFC 5280 A.1
    private const int MaxHosts = 50;

    /// <summary>One CN; then an authority's O or a device's serialNumber; nothing else.</summary>
    private void CheckSubject()
    {
        var subject = _fields.Subject;
        Require(subject.Count > 0 && subject[0] is { Oid: Oids.CommonName, Type: UniversalTagNumber.UTF8String } name && name.Value == _order.CommonName,
            "P-5.common-name", "the subject does not begin with the CN that was ordered, as UTF8String");
        Require(_order.CommonName.Length is > 0 and <= MaxCommonName && !_order.CommonName.Any(char.IsControl), "P-7.common-name", "the CN is empty, too long or holds control characters");
        var second = (_order.Organization ?? _order.HardwareSerial) is null ? 1 : 2;
        Require(subject.Count == second, "P-5.subject", "the subject has more or fewer parts than its profile");
        Require(_rules.IsAuthority == _order.Organization is not null, "P-5.organization", "authorities, and only they, name the fleet");
        Require(_order.HardwareSerial is null || _order.Profile == Profile.Device, "P-5.serial-number", "only a device has a maker's serial number");
        if (subject.Count != 2 || second != 2) return;
        if (_rules.IsAuthority) CheckOrganization(subject[1]);
        else CheckHardwareSerial(subject[1]);
    }

    private void CheckOrganization(NamePart part)
    {
        Require(part is { Oid: Oids.Organization, Type: UniversalTagNumber.UTF8String } && part.Value == _order.Organization, "P-5.organization", "the O is not the fleet's domain as UTF8String");
        Require(part.Value == _issuer.Organization, "P-5.fleet", "the authority belongs to another fleet than its root");
    }

    private void CheckHardwareSerial(NamePart part)
    {
        Require(part is { Oid: Oids.SubjectSerialNumber, Type: UniversalTagNumber.PrintableString } && part.Value == _order.HardwareSerial,
            "P-5.serial-number", "the serialNumber is not the one that was ordered, as PrintableString");
        Require(part.Value.Length is > 0 and <= MaxHardwareSerial, "P-5.serial-number", $"the serialNumber is not 1 to {MaxHardwareSerial} characters long");
    }

    private void CheckUri(AsnReader names)
    {
        var uri = ReadText(names, 6);
        Require(uri is not null && !names.HasData, "P-7.identity", "the alternative name is not exactly one URI");
        if (uri is null) return;
        Require(uri == _order.Uri, "order.identity", "the URI is not the one that was ordered");
        var prefix = $"spiffe://{_rules.UriHost}";
        var slash = uri.StartsWith(prefix, StringComparison.Ordinal) ? uri.IndexOf('/', prefix.Length) : -1;
        Require(slash > 0, "P-7.uri", $"the URI does not begin with {prefix}");
        if (slash <= 0) return;
        Require(_issuer.UriHosts.Contains(uri["spiffe://".Length..slash]), "P-9.constraint", "the URI's host is not one its authority may name");
        Require(DeviceName.IsValid(uri.AsSpan(slash + 1)), "P-7.grammar", $"the URI's name must be {DeviceName.Rule}");
        Require(uri[(slash + 1)..] == _order.CommonName, "P-7.common-name", "the CN is not the URI's name");
    }

    private void CheckHosts(AsnReader names)
    {
        var found = new List<string>();
        while (names.HasData)
        {
            if (ReadText(names, 2) is { } host)
            {
                Require(IsHost(host), "P-7.host", $"'{host}' is not a DNS name in lower case");
                Require(MayName(host), "P-9.constraint", $"'{host}' is below no suffix that its authority may name");
                found.Add(host);
            }
            else if (ReadAddress(names) is { } address)
            {
                Require(_issuer.DnsSuffixes.Count == 0 || IPAddress.IsLoopback(address), "P-9.constraint", $"{address} is no address that its authority may name");
                found.Add(address.ToString());
            }
            else { Require(false, "P-7.hosts", "a server's alternative names are DNS names and IP addresses"); return; }
        }
        Require(found.Count is > 0 and <= MaxHosts, "P-7.hosts", $"a server has 1 to {MaxHosts} alternative names");
        Require(found.Distinct().Count() == found.Count, "P-7.hosts-twice", "a server's alternative names hold one twice");
        Require(found.SequenceEqual(_order.Hosts), "order.hosts", "the alternative names are not those that were ordered");
    }

    private static string? ReadText(AsnReader names, int tag)
    {
        var expected = new Asn1Tag(TagClass.ContextSpecific, tag);
        return names.HasData && names.PeekTag() == expected ? names.ReadCharacterString(UniversalTagNumber.IA5String, expected) : null;
    }

    private static IPAddress? ReadAddress(AsnReader names)
    {
        var tag = new Asn1Tag(TagClass.ContextSpecific, 7);
        if (names.PeekTag() != tag) return null;
        var bytes = names.ReadOctetString(tag);
        return bytes.Length is 4 or 16 ? new IPAddress(bytes) : null;
    }

    /// <summary>Loopback is permitted below any constraints of ours.</summary>
    private bool MayName(string host) => _issuer.DnsSuffixes.Count == 0 || host == "localhost" ||
        _issuer.DnsSuffixes.Any(suffix => host == suffix || host.EndsWith("." + suffix, StringComparison.Ordinal));

    private static bool IsHost(string host) => host.Length is > 0 and <= 253 && host.Split('.').All(label =>
        label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' &&
        label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_')); // Compose files name hosts with underscores.
}
