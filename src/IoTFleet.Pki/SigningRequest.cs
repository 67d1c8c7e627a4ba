using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A PKCS#10 request (RFC 2986) that passed: strict DER, a key that may be certified, signed by that key (proof of possession),
/// and asking for nothing that a leaf may not have. Nothing of it is ever copied but the key.
/// </summary>
public sealed partial class SigningRequest
{
    public const int MaxLength = 8 * 1024;

    private SigningRequest(ReadOnlyMemory<byte> subjectPublicKeyInfo) => SubjectPublicKeyInfo = subjectPublicKeyInfo;

    public ReadOnlyMemory<byte> SubjectPublicKeyInfo { get; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo.</summary>
    public string KeyFingerprint => Fingerprint.Sha256(SubjectPublicKeyInfo.Span);

    public bool IsRsa { get; private set; }

    /// <summary>The subject's one CN; null when the subject is empty.</summary>
    public string? CommonName { get; private set; }

    /// <summary>The subject's serialNumber, which says the maker's serial of a device.</summary>
    public string? HardwareSerial { get; private set; }

    /// <summary>The one URI asked for as subject alternative name, as written.</summary>
    public string? RequestedUri { get; private set; }

    /// <summary>A secret: a token, or what ties the request to its TLS connection (RFC 7030 3.5). Never logged.</summary>
    public string? ChallengePassword { get; private set; }

    /// <summary>The challenge password's characters as they were encoded.</summary>
    public ReadOnlyMemory<byte> ChallengePasswordBytes { get; private set; }

    /// <summary>Attributes that were there and are not ours to judge.</summary>
    public IReadOnlyList<string> IgnoredAttributes => _ignored;

    public static bool TryParse(
        ReadOnlyMemory<byte> der, [NotNullWhen(true)] out SigningRequest? request, [NotNullWhen(false)] out string? problem)
    {
        var parsed = TryParse(der, KeyRules.Default, out request, out var refusal);
        problem = refusal?.Problem!;
        return parsed;
    }

    public static bool TryParse(
        ReadOnlyMemory<byte> der, KeyRules rules, [NotNullWhen(true)] out SigningRequest? request, [NotNullWhen(false)] out RequestRefusal? refusal)
    {
        request = null;
        refusal = FindRefusal(der.Span);
        if (refusal is not null) return false;
        try
        {
            request = Parse(der, rules);
            return true;
        }
        catch (RequestRefused refused)
        {
            refusal = new RequestRefusal(refused.Code, refused.Message);
        }
        catch (Exception malformed) when (malformed is AsnContentException or CryptographicException)
        {
            // Written by the peer, so expected.
            refusal = new RequestRefusal(RequestRefusal.Unreadable, "the request is not a well-formed PKCS#10 in DER");
        }
        return false;
    }

    private static RequestRefusal? FindRefusal(ReadOnlySpan<byte> der)
    {
        if (der.Length > MaxLength) return new RequestRefusal(RequestRefusal.TooLarge, $"the request is larger than {MaxLength} bytes");
        return der.StartsWith("-----BEGIN"u8)
            ? new RequestRefusal(RequestRefusal.Unreadable, "the request is PEM, not a well-formed PKCS#10 in DER; send what is between the BEGIN and END lines")
            : null;
    }

    private static SigningRequest Parse(ReadOnlyMemory<byte> der, KeyRules rules)
    {
        var outer = new AsnReader(der, AsnEncodingRules.DER);
        var parts = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        var signedBytes = parts.PeekEncodedValue();
        var info = parts.ReadSequence();
        var algorithm = parts.ReadSequence();
        var signature = parts.ReadBitString(out var unusedBits);
        parts.ThrowIfNotEmpty();
        if (unusedBits != 0) throw new AsnContentException("A signature is a whole number of bytes.");

        if (!info.TryReadInt32(out var version) || version != 0) throw new RequestRefused(RequestRefusal.Unreadable, "the request's version is not 1");
        var subject = info.ReadEncodedValue();
        var request = new SigningRequest(info.ReadEncodedValue().ToArray());
        using (var key = RequestedKey.Read(request.SubjectPublicKeyInfo, rules))
        {
            CheckSignature(key, signedBytes, algorithm, signature);
            request.IsRsa = key is RequestedRsaKey;
        }
        if (rules.WhyBlocked?.Invoke(request.KeyFingerprint) is { } reason)
            throw new RequestRefused(RequestRefusal.KeyForbidden, $"nothing is issued to this key: {reason}");
        request.ReadSubject(subject);
        request.ReadAttributes(info);
        return request;
    }

    private static void CheckSignature(RequestedKey key, ReadOnlyMemory<byte> signedBytes, AsnReader algorithm, byte[] signature)
    {
        var name = algorithm.ReadObjectIdentifier();
        var hash = key.HashOf(name, algorithm) ?? throw new RequestRefused(RequestRefusal.WrongAlgorithm, name switch
        {
            Oids.EcdsaSha1 or Oids.RsaSha1 or Oids.RsaMd5 => "the request is signed with SHA-1 or MD5; sign it with ecdsa-with-SHA256 or, for RSA, sha256WithRSAEncryption",
            Oids.RsaPss => "the request is signed with RSA-PSS, which is not accepted; sign it with sha256WithRSAEncryption (PKCS#1 v1.5)",
            _ => "the request must be signed with ecdsa-with-SHA256 or ecdsa-with-SHA384 or, for an RSA key, with sha256WithRSAEncryption, SHA-384 or SHA-512",
        });
        if (!key.Verifies(signedBytes.Span, signature, hash))
            throw new RequestRefused(RequestRefusal.WrongSignature, "the request's signature does not fit its key");
    }

    private void ReadSubject(ReadOnlyMemory<byte> subject)
    {
        foreach (var part in new X500DistinguishedName(subject.Span).EnumerateRelativeDistinguishedNames(reversed: false))
        {
            var type = part.HasMultipleElements ? null : part.GetSingleElementType().Value;
            var value = type is null ? null : part.GetSingleElementValue();
            if (type == Oids.CommonName && CommonName is null) CommonName = value ?? throw NotText("CN");
            else if (type == Oids.SubjectSerialNumber && HardwareSerial is null) HardwareSerial = value ?? throw NotText("serialNumber");
            else throw new RequestRefused(RequestRefusal.Names, "the request's subject may hold one CN, one serialNumber and nothing else");
        }
    }

    private static RequestRefused NotText(string part) => new(RequestRefusal.Names, $"the request's {part} is not text");
}
