using System.Formats.Asn1;
using System.Security.Cryptography;

namespace IoTFleet.Pki;

/// <summary>
/// The key of a signing request, judged from its raw bytes, because an imported key no longer tells how its curve was named
/// or its point written.
/// </summary>
internal abstract class RequestedKey : IDisposable
{
    public abstract bool Verifies(ReadOnlySpan<byte> signedBytes, ReadOnlySpan<byte> signature, HashAlgorithmName hash);

    /// <summary>Which of its algorithms a request may be signed with.</summary>
    public abstract HashAlgorithmName? HashOf(string signatureAlgorithm, AsnReader parameters);

    public abstract void Dispose();

    /// <exception cref="RequestRefused">Not a key that may be certified.</exception>
    public static RequestedKey Read(ReadOnlyMemory<byte> subjectPublicKeyInfo, KeyRules rules)
    {
        var info = new AsnReader(subjectPublicKeyInfo, AsnEncodingRules.DER).ReadSequence();
        var algorithm = info.ReadSequence();
        var bits = info.ReadBitString(out var unused);
        info.ThrowIfNotEmpty();
        if (unused != 0) throw new AsnContentException("A key is a whole number of bytes.");
        var kind = algorithm.ReadObjectIdentifier();
        return kind switch
        {
            Oids.EcPublicKey => RequestedEcKey.Read(subjectPublicKeyInfo, algorithm, bits, rules),
            Oids.RsaEncryption when rules.AllowRsa => RequestedRsaKey.Read(subjectPublicKeyInfo, algorithm, bits),
            Oids.RsaEncryption => throw Refused("the key must be an ECDSA P-256 key; RSA is not enabled here"),
            Oids.RsaPss => throw Refused("the key is bound to RSA-PSS, which is not accepted; use an ECDSA P-256 key"),
            Oids.Ed25519 or Oids.Ed448 => throw Refused("the key is an EdDSA key, which is not accepted; use an ECDSA P-256 key"),
            _ => throw Refused($"the key must be an ECDSA P-256 key, not of the algorithm {kind}"),
        };
    }

    private static RequestRefused Refused(string problem) => new(RequestRefusal.KeyType, problem);
}

internal sealed class RequestedEcKey(ECDsa key) : RequestedKey
{
    public static RequestedEcKey Read(ReadOnlyMemory<byte> subjectPublicKeyInfo, AsnReader parameters, byte[] point, KeyRules rules)
    {
        if (!parameters.HasData || !parameters.PeekTag().HasSameClassAndValue(Asn1Tag.ObjectIdentifier))
            throw new RequestRefused(RequestRefusal.KeyType, "the key's curve must be given by name (P-256), not by explicit parameters");
        var size = parameters.ReadObjectIdentifier() switch
        {
            Oids.P256 => 32,
            Oids.P384 when rules.AllowP384 => 48,
            var curve => throw new RequestRefused(RequestRefusal.KeyType, $"the key's curve must be P-256 (prime256v1){(rules.AllowP384 ? " or P-384 (secp384r1)" : "")}, not {curve}"),
        };
        parameters.ThrowIfNotEmpty();
        if (point.Length != 1 + (2 * size) || point[0] != 4) throw new RequestRefused(RequestRefusal.KeyType, "the key's point must be uncompressed");
        return new RequestedEcKey(Import(subjectPublicKeyInfo));
    }

    public override HashAlgorithmName? HashOf(string signatureAlgorithm, AsnReader parameters)
    {
        HashAlgorithmName? hash = signatureAlgorithm switch
        {
            Oids.EcdsaSha256 => HashAlgorithmName.SHA256,
            Oids.EcdsaSha384 => HashAlgorithmName.SHA384,
            _ => null,
        };
        if (hash is not null) parameters.ThrowIfNotEmpty(); // RFC 5758 3.2: none
        return hash;
    }

    public override bool Verifies(ReadOnlySpan<byte> signedBytes, ReadOnlySpan<byte> signature, HashAlgorithmName hash) =>
        key.VerifyData(signedBytes, signature, hash, DSASignatureFormat.Rfc3279DerSequence);

    public override void Dispose() => key.Dispose();

    private static ECDsa Import(ReadOnlyMemory<byte> subjectPublicKeyInfo)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(subjectPublicKeyInfo.Span, out _);
            return key;
        }
        catch (CryptographicException)
        {
            key.Dispose();
            throw new RequestRefused(RequestRefusal.KeyWeak, "the key's point is not on the curve");
        }
    }
}

internal sealed class RequestedRsaKey(RSA key) : RequestedKey
{
    public static RequestedRsaKey Read(ReadOnlyMemory<byte> subjectPublicKeyInfo, AsnReader parameters, byte[] encoded)
    {
        parameters.ReadNull(); // RFC 3279 2.3.1: NULL, and there
        parameters.ThrowIfNotEmpty();
        var outer = new AsnReader(encoded, AsnEncodingRules.DER);
        var numbers = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        var (modulus, exponent) = (numbers.ReadInteger(), numbers.ReadInteger());
        numbers.ThrowIfNotEmpty();
        if (RsaKeyCheck.FindWeakness(modulus, exponent) is { } weakness) throw new RequestRefused(RequestRefusal.KeyWeak, weakness);

        var key = RSA.Create();
        key.ImportSubjectPublicKeyInfo(subjectPublicKeyInfo.Span, out _);
        return new RequestedRsaKey(key);
    }

    public override HashAlgorithmName? HashOf(string signatureAlgorithm, AsnReader parameters)
    {
        HashAlgorithmName? hash = signatureAlgorithm switch
        {
            Oids.RsaSha256 => HashAlgorithmName.SHA256,
            Oids.RsaSha384 => HashAlgorithmName.SHA384,
            Oids.RsaSha512 => HashAlgorithmName.SHA512,
            _ => null,
        };
        if (hash is null) return null;
        parameters.ReadNull(); // RFC 4055 5
        parameters.ThrowIfNotEmpty();
        return hash;
    }

    public override bool Verifies(ReadOnlySpan<byte> signedBytes, ReadOnlySpan<byte> signature, HashAlgorithmName hash) =>
        key.VerifyData(signedBytes, signature, hash, RSASignaturePadding.Pkcs1);

    public override void Dispose() => key.Dispose();
}
