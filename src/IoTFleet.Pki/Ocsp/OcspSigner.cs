using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki.Ocsp;

/// <summary>
/// Signs the answers of one authority with a key of its own (RFC 6960 4.2.2.2): in memory only, certified by that authority for a few days,
/// so that the authority's key is not used for each stranger's question and losing this one is over by itself.
/// </summary>
public sealed class OcspSigner : IDisposable
{
    private readonly ECDsa _key;
    private readonly byte[] _certificate;
    private readonly byte[] _keyId;
    private readonly byte[] _algorithm;
    private readonly Lock _signing = new();

    private OcspSigner(ECDsa key, IssuedLeaf leaf)
    {
        _key = key;
        _certificate = leaf.Der.ToArray();
        _keyId = CertificateContent.KeyIdOf(key.ExportSubjectPublicKeyInfo());
        _algorithm = X509SignatureGenerator.CreateForECDsa(key).GetSignatureAlgorithmIdentifier(HashAlgorithmName.SHA256);
        Leaf = leaf;
    }

    public IssuedLeaf Leaf { get; }

    /// <param name="certify">Has the authority issue what the terms say, and its record written.</param>
    public static async Task<OcspSigner> CreateAsync(TimeSpan lifetime, Func<LeafTerms, Task<IssuedLeaf>> certify)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        try
        {
            return new OcspSigner(key, await certify(LeafTerms.ForOcspResponder(key.ExportSubjectPublicKeyInfo(), lifetime)));
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>True when a third of its life is left, or less.</summary>
    public bool IsDue(DateTimeOffset now) => Leaf.NotAfter - now <= (Leaf.NotAfter - Leaf.NotBefore) / 3;

    /// <summary>One signature at a time: key objects promise no thread safety, and a signature takes microseconds.</summary>
    public byte[] Sign(OcspAnswer answer)
    {
        var toBeSigned = answer.EncodeToBeSigned(_keyId);
        byte[] signature;
        lock (_signing) signature = _key.SignData(toBeSigned, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return OcspAnswer.Encode(toBeSigned, _algorithm, signature, _certificate);
    }

    public void Dispose()
    {
        lock (_signing) _key.Dispose();
    }
}
