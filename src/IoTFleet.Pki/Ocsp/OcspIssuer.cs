using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki.Ocsp;

/// <summary>An authority as a question names it: by hashes of its name and of its key's bits. RFC 6960 4.1.1</summary>
public sealed class OcspIssuer
{
    private readonly byte[] _name;
    private readonly byte[] _key;
    private readonly byte[] _nameSha1;
    private readonly byte[] _keySha1;
    private readonly byte[] _nameSha256;
    private readonly byte[] _keySha256;

    public OcspIssuer(string id, X509Certificate2 certificate)
    {
        Id = id;
        _name = certificate.SubjectName.RawData;
        var info = new AsnReader(certificate.PublicKey.ExportSubjectPublicKeyInfo(), AsnEncodingRules.DER).ReadSequence();
        info.ReadSequence();
        _key = info.ReadBitString(out _);
        // Clients name their issuer by SHA-1 unless told otherwise; it finds the authority here and protects nothing.
        (_nameSha1, _keySha1) = (Hash(HashAlgorithmName.SHA1, _name), Hash(HashAlgorithmName.SHA1, _key));
        (_nameSha256, _keySha256) = (Hash(HashAlgorithmName.SHA256, _name), Hash(HashAlgorithmName.SHA256, _key));
    }

    public string Id { get; }

    public bool IsNamedBy(OcspCertId certificate)
    {
        if (certificate.Hash is not { } hash) return false;
        var (name, key) = hash == HashAlgorithmName.SHA1 ? (_nameSha1, _keySha1) : (_nameSha256, _keySha256);
        return certificate.IssuerKeyHash.Span.SequenceEqual(key) && certificate.IssuerNameHash.Span.SequenceEqual(name);
    }

    private static byte[] Hash(HashAlgorithmName hash, byte[] data) => CryptographicOperations.HashData(hash, data);
}
