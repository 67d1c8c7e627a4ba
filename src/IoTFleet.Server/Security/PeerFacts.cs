using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>What a certificate whose chain is good says about its holder.</summary>
internal static class PeerFacts
{
    private const string SerialNumberAttribute = "2.5.4.5";
    private const string SubjectAlternativeName = "2.5.29.17";
    private const string HardwareModuleName = "1.3.6.1.5.5.7.8.4";
    private const string EcPublicKey = "1.2.840.10045.2.1";
    private const int ShortestPoint = 65;       // uncompressed, of a curve of 256 bits
    private const int MaxSerialLength = 200;

    public static PeerVerdict Read(X509Certificate2 certificate, AuthorityGeneration issuer, FleetNames names)
    {
        var named = CertificateIdentity.TryRead(certificate, names, out var identity, out var problem);
        return new PeerVerdict
        {
            Kind = issuer.Purpose switch
            {
                AuthorityPurpose.Devices => PeerKind.Device,
                AuthorityPurpose.Services => PeerKind.Service,
                AuthorityPurpose.Claims => PeerKind.Claim,
                _ => throw new InvalidOperationException($"{issuer} issues to no client."),
            },
            Identity = named ? identity!.Name : null,
            IdentityProblem = problem,
            Serial = SerialNumber.Of(certificate).Hex,
            IssuerId = issuer.Id,
            KeyFingerprint = Fingerprint.OfKey(certificate),
            HardwareSerial = SubjectSerial(certificate),
        };
    }

    public static PeerVerdict Read(X509Certificate2 certificate, TrustedManufacturer manufacturer) => new()
    {
        Kind = PeerKind.Manufacturer,
        Serial = SerialNumber.Of(certificate).Hex,
        IssuerId = manufacturer.Id,
        KeyFingerprint = Fingerprint.OfKey(certificate),
        HardwareSerial = SubjectSerial(certificate) ?? ModuleSerial(certificate),
    };

    public static AuthorityPurpose PurposeOf(IdentityKind kind) => kind switch
    {
        IdentityKind.Device => AuthorityPurpose.Devices,
        IdentityKind.Service => AuthorityPurpose.Services,
        _ => AuthorityPurpose.Claims,
    };

    /// <summary>Below what the web calls secure; OpenSSL's own level may be set lower on a machine.</summary>
    public static bool IsWeak(X509Certificate2 certificate)
    {
        if (certificate.PublicKey.Oid.Value == EcPublicKey) return certificate.PublicKey.EncodedKeyValue.RawData.Length < ShortestPoint;   // asked in each handshake: no key is made for it
        using var rsa = certificate.GetRSAPublicKey();
        return rsa is null || rsa.KeySize < 2048;
    }

    /// <summary>IEEE 802.1AR 8.6: the subject's serialNumber names the device. One and readable, or none.</summary>
    private static string? SubjectSerial(X509Certificate2 certificate)
    {
        try
        {
            var serials = certificate.SubjectName.EnumerateRelativeDistinguishedNames()
                .Where(name => !name.HasMultipleElements && name.GetSingleElementType().Value == SerialNumberAttribute)
                .Select(name => name.GetSingleElementValue()).ToList();
            return serials is [{ Length: > 0 and <= MaxSerialLength } serial] && IsPrintable(serial) ? serial : null;
        }
        catch (Exception unreadable) when (unreadable is System.Security.Cryptography.CryptographicException or AsnContentException)
        {
            return null;
        }
    }

    /// <summary>RFC 4108 5: what hardware modules are called where the subject does not say it.</summary>
    private static string? ModuleSerial(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.FirstOrDefault(extension => extension.Oid?.Value == SubjectAlternativeName);
        if (names is null) return null;
        try
        {
            var sequence = new AsnReader(names.RawData, AsnEncodingRules.DER).ReadSequence();
            while (sequence.HasData)
            {
                if (!sequence.PeekTag().HasSameClassAndValue(new Asn1Tag(TagClass.ContextSpecific, 0))) { sequence.ReadEncodedValue(); continue; }
                var other = sequence.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0));
                if (other.ReadObjectIdentifier() != HardwareModuleName) continue;
                var module = other.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)).ReadSequence();
                module.ReadObjectIdentifier();
                var serial = module.ReadOctetString();
                if (serial.Length is 0 or > MaxSerialLength / 2) return null;
                return serial.All(octet => octet is >= 0x20 and < 0x7F) ? System.Text.Encoding.ASCII.GetString(serial) : Convert.ToHexStringLower(serial);
            }
        }
        catch (AsnContentException)
        {
            // Not readable, so it names nothing.
        }
        return null;
    }

    private static bool IsPrintable(string text) => text.All(character => character is >= ' ' and < (char)0x7F);
}
