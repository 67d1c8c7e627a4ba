using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A PKCS#10 request (RFC 2986) that passed: strict DER, a P-256 key by name, signed by that key (proof of possession),
/// and asking for nothing that a leaf may not have.
/// </summary>
public sealed class SigningRequest
{
    public const int MaxLength = 8 * 1024;

    private const int MaxChallengeLength = 255;

    private SigningRequest(ReadOnlyMemory<byte> subjectPublicKeyInfo) => SubjectPublicKeyInfo = subjectPublicKeyInfo;

    public ReadOnlyMemory<byte> SubjectPublicKeyInfo { get; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo.</summary>
    public string KeyFingerprint => Fingerprint.Sha256(SubjectPublicKeyInfo.Span);

    /// <summary>The subject's one CN; null when the subject is empty.</summary>
    public string? CommonName { get; private set; }

    /// <summary>The one URI asked for as subject alternative name, as written.</summary>
    public string? RequestedUri { get; private set; }

    public string? ChallengePassword { get; private set; }

    public static bool TryParse(
        ReadOnlyMemory<byte> der, [NotNullWhen(true)] out SigningRequest? request, [NotNullWhen(false)] out string? problem)
    {
        request = null;
        if (der.Length > MaxLength) { problem = $"the request is larger than {MaxLength} bytes"; return false; }
        try
        {
            request = Parse(der);
            problem = null;
            return true;
        }
        catch (RequestRefused refused)
        {
            problem = refused.Message;
        }
        catch (Exception malformed) when (malformed is AsnContentException or CryptographicException)
        {
            problem = "the request is not a well-formed PKCS#10 in DER"; // Written by the peer, so expected.
        }
        return false;
    }

    private static SigningRequest Parse(ReadOnlyMemory<byte> der)
    {
        var outer = new AsnReader(der, AsnEncodingRules.DER);
        var parts = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        var signedBytes = parts.PeekEncodedValue();
        var info = parts.ReadSequence();
        var algorithm = parts.ReadSequence();
        var signature = ReadBytes(parts);
        parts.ThrowIfNotEmpty();

        if (!info.TryReadInt32(out var version) || version != 0) throw new RequestRefused("the request's version is not 1");
        var subject = info.ReadEncodedValue();
        var publicKey = info.ReadEncodedValue();
        CheckKey(publicKey);
        CheckSignature(publicKey, signedBytes, algorithm, signature);

        var request = new SigningRequest(publicKey.ToArray()) { CommonName = ReadCommonName(subject) };
        request.ReadAttributes(info);
        return request;
    }

    /// <summary>Read from the raw bytes, because an imported key no longer tells how its curve was named.</summary>
    private static void CheckKey(ReadOnlyMemory<byte> publicKey)
    {
        var spki = new AsnReader(publicKey, AsnEncodingRules.DER).ReadSequence();
        var algorithm = spki.ReadSequence();
        var point = ReadBytes(spki);
        spki.ThrowIfNotEmpty();

        if (algorithm.ReadObjectIdentifier() != Oids.EcPublicKey)
            throw new RequestRefused("the key must be an ECDSA P-256 key; other algorithms, RSA among them, are not accepted");
        if (!algorithm.HasData || !algorithm.PeekTag().HasSameClassAndValue(Asn1Tag.ObjectIdentifier))
            throw new RequestRefused("the key's curve must be given by name (P-256), not by explicit parameters");
        if (algorithm.ReadObjectIdentifier() != Oids.P256) throw new RequestRefused("the key's curve must be P-256 (prime256v1)");
        algorithm.ThrowIfNotEmpty();
        if (point.Length != 65 || point[0] != 4) throw new RequestRefused("the key's point must be uncompressed");
    }

    private static void CheckSignature(ReadOnlyMemory<byte> publicKey, ReadOnlyMemory<byte> signedBytes, AsnReader algorithm, byte[] signature)
    {
        var hash = algorithm.ReadObjectIdentifier() switch
        {
            Oids.EcdsaSha256 => HashAlgorithmName.SHA256,
            Oids.EcdsaSha384 => HashAlgorithmName.SHA384,
            _ => throw new RequestRefused("the request must be signed with ecdsa-with-SHA256 or ecdsa-with-SHA384"),
        };
        algorithm.ThrowIfNotEmpty(); // RFC 5758 3.2: no parameters

        using var key = ImportKey(publicKey);
        if (!key.VerifyData(signedBytes.Span, signature, hash, DSASignatureFormat.Rfc3279DerSequence))
            throw new RequestRefused("the request's signature does not fit its key");
    }

    private static ECDsa ImportKey(ReadOnlyMemory<byte> publicKey)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(publicKey.Span, out _);
            return key;
        }
        catch (CryptographicException)
        {
            key.Dispose();
            throw new RequestRefused("the key's point is not on the curve");
        }
    }

    private static byte[] ReadBytes(AsnReader reader)
    {
        var bytes = reader.ReadBitString(out var unusedBits);
        return unusedBits == 0 ? bytes : throw new AsnContentException("A key or signature is a whole number of bytes.");
    }

    private static string? ReadCommonName(ReadOnlyMemory<byte> subject)
    {
        string? commonName = null;
        foreach (var part in new X500DistinguishedName(subject.Span).EnumerateRelativeDistinguishedNames(reversed: false))
        {
            if (part.HasMultipleElements || part.GetSingleElementType().Value != Oids.CommonName || commonName is not null)
                throw new RequestRefused("the request's subject may hold one CN and nothing else");
            commonName = part.GetSingleElementValue() ?? throw new RequestRefused("the request's CN is not text");
        }
        return commonName;
    }

    private void ReadAttributes(AsnReader info)
    {
        var attributes = info.ReadSetOf(new Asn1Tag(TagClass.ContextSpecific, 0));
        info.ThrowIfNotEmpty();
        var seen = new HashSet<string>();
        while (attributes.HasData)
        {
            var attribute = attributes.ReadSequence();
            var type = attribute.ReadObjectIdentifier();
            var values = attribute.ReadSetOf();
            attribute.ThrowIfNotEmpty();
            if (type is not (Oids.ExtensionRequest or Oids.ChallengePassword)) continue; // Not ours to judge, and never copied.
            if (!seen.Add(type)) throw new RequestRefused("the request holds the same attribute twice");
            if (type == Oids.ExtensionRequest) RequestedUri = RequestedExtensions.Read(values.ReadSequence());
            else ChallengePassword = ReadChallenge(values);
            values.ThrowIfNotEmpty();
        }
    }

    private static string ReadChallenge(AsnReader values)
    {
        var tag = (UniversalTagNumber)values.PeekTag().TagValue;
        if (tag is not (UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String))
            throw new RequestRefused("the challenge password must be a UTF8String, PrintableString or IA5String");
        var text = values.ReadCharacterString(tag);
        return text.Length <= MaxChallengeLength
            ? text
            : throw new RequestRefused($"the challenge password is longer than {MaxChallengeLength} characters");
    }
}

/// <summary>Leaves the parser at the first thing that is not allowed; never leaves this assembly.</summary>
internal sealed class RequestRefused(string problem) : Exception(problem);
