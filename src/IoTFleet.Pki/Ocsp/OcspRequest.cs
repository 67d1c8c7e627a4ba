using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Security.Cryptography;

namespace IoTFleet.Pki.Ocsp;

/// <summary>Which certificate is asked about: its issuer by two hashes, and its serial number. RFC 6960 4.1.1</summary>
/// <param name="Encoded">As it was asked, because the answer repeats it.</param>
public sealed record OcspCertId(ReadOnlyMemory<byte> Encoded, string HashOid, ReadOnlyMemory<byte> IssuerNameHash, ReadOnlyMemory<byte> IssuerKeyHash, SerialNumber Serial)
{
    /// <summary>The hash that it names its issuer by; null for one that we do not have.</summary>
    public HashAlgorithmName? Hash => HashOid switch
    {
        Oids.Sha1 => HashAlgorithmName.SHA1,
        Oids.Sha256 => HashAlgorithmName.SHA256,
        _ => null,
    };
}

/// <summary>
/// A question about certificates, as far as it concerns the answer. Who asks is nobody's business here: a requestor's name is skipped, and a signature, too
/// (RFC 6960 4.1.2 lets a responder ignore it).
/// </summary>
public sealed record OcspRequest(IReadOnlyList<OcspCertId> Certificates, ReadOnlyMemory<byte>? Nonce)
{
    public const int MaxLength = 4 * 1024;
    public const int MaxCertificates = 10;
    private const int MaxNonce = 128;
    private const int MaxSerial = 20;

    public static bool TryParse(ReadOnlyMemory<byte> der, [NotNullWhen(true)] out OcspRequest? request)
    {
        request = null;
        if (der.Length > MaxLength) return false;
        try
        {
            var outer = new AsnReader(der, AsnEncodingRules.DER);
            var whole = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            request = Read(whole.ReadSequence());
            if (whole.HasData) whole.ReadSequence(Context(0)); // a signature
            whole.ThrowIfNotEmpty();
            return request is not null;
        }
        catch (AsnContentException)
        {
            request = null; // What strangers send need not be DER.
            return false;
        }
    }

    private static OcspRequest? Read(AsnReader body)
    {
        if (body.PeekTag().HasSameClassAndValue(Context(0)))
        {
            if (!body.ReadSequence(Context(0)).TryReadInt32(out var version) || version != 0) return null;
        }
        if (body.PeekTag().HasSameClassAndValue(Context(1))) body.ReadEncodedValue(); // requestorName
        var list = body.ReadSequence();
        var certificates = new List<OcspCertId>();
        while (list.HasData)
        {
            if (certificates.Count == MaxCertificates || ReadOne(list.ReadSequence()) is not { } one) return null;
            certificates.Add(one);
        }
        if (certificates.Count == 0) return null;
        ReadOnlyMemory<byte>? nonce = null;
        if (body.HasData && !TryReadExtensions(body.ReadSequence(Context(2)), out nonce)) return null;
        body.ThrowIfNotEmpty();
        return new OcspRequest(certificates, nonce);
    }

    private static OcspCertId? ReadOne(AsnReader request)
    {
        var encoded = request.PeekEncodedValue();
        var id = request.ReadSequence();
        var algorithm = id.ReadSequence();
        var hash = algorithm.ReadObjectIdentifier();
        if (algorithm.HasData) algorithm.ReadNull();
        algorithm.ThrowIfNotEmpty();
        var nameHash = id.ReadOctetString();
        var keyHash = id.ReadOctetString();
        var serial = id.ReadIntegerBytes();
        id.ThrowIfNotEmpty();
        if (request.HasData && !TryReadExtensions(request.ReadSequence(Context(0)), out _)) return null;
        request.ThrowIfNotEmpty();
        return serial.Length > MaxSerial ? null : new OcspCertId(encoded, hash, nameHash, keyHash, SerialNumber.Parse(Convert.ToHexString(serial.Span)));
    }

    /// <summary>An extension that is critical and unknown makes the request one we cannot answer. RFC 6960 4.4</summary>
    private static bool TryReadExtensions(AsnReader explicitly, out ReadOnlyMemory<byte>? nonce)
    {
        nonce = null;
        var extensions = explicitly.ReadSequence();
        explicitly.ThrowIfNotEmpty();
        while (extensions.HasData)
        {
            var extension = extensions.ReadSequence();
            var oid = extension.ReadObjectIdentifier();
            var critical = extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean();
            var value = extension.ReadOctetString();
            extension.ThrowIfNotEmpty();
            if (oid == Oids.OcspNonce)
            {
                if (nonce is not null || !TryReadNonce(value, out var read)) return false;
                nonce = read;
            }
            else if (critical)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>RFC 9654 2.1: an OCTET STRING of 1 to 128 octets; anything else is a malformed request.</summary>
    private static bool TryReadNonce(byte[] value, out ReadOnlyMemory<byte> nonce)
    {
        var reader = new AsnReader(value, AsnEncodingRules.DER);
        var octets = reader.ReadOctetString();
        reader.ThrowIfNotEmpty();
        nonce = octets;
        return octets.Length is >= 1 and <= MaxNonce;
    }

    private static Asn1Tag Context(int number) => new(TagClass.ContextSpecific, number, isConstructed: true);
}
