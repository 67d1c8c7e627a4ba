using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A certificate authority's certificate with the key that signs for it. The one owner of the key: whoever prepared a
/// certificate holds a reference, and the key is closed after the last signature that was promised, not before.
/// </summary>
public sealed class IssuerKey : IDisposable
{
    private readonly ECDsa _key;
    private readonly Lock _signing = new();
    private int _references = 1;
    private int _disposed;

    /// <summary>Takes both over.</summary>
    public IssuerKey(X509Certificate2 certificate, ECDsa key)
    {
        Certificate = certificate;
        Facts = IssuerFacts.Of(certificate);
        Id = Convert.ToHexStringLower(Facts.KeyId);
        _key = key;
    }

    /// <summary>Stays usable when the key is closed: chains that are being built may still name it.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The subject key identifier, lower-case hex.</summary>
    public string Id { get; }

    internal IssuerFacts Facts { get; }

    /// <exception cref="KeyFileException">A file is missing, unreadable, readable by others, or the two do not belong together.</exception>
    public static IssuerKey Load(string certificateFile, string keyFile)
    {
        var certificate = PemFile.ReadCertificate(certificateFile);
        var key = PemFile.ReadKey(keyFile);
        if (!PemFile.BelongTogether(certificate, key))
            throw new KeyFileException(keyFile, $"is not the key of {certificateFile}", "restore both files from the same backup");
        return new IssuerKey(certificate, key);
    }

    /// <summary>The key first: a certificate that is there makes the pair count.</summary>
    public void Save(string certificateFile, string keyFile)
    {
        PemFile.WriteSecret(keyFile, ExportKeyPem() + "\n");
        PemFile.WritePublic(certificateFile, Certificate.ExportCertificatePem() + "\n");
    }

    /// <summary>One signature at a time: key objects promise no thread safety, and a signature takes microseconds.</summary>
    internal T Sign<T>(Func<X509SignatureGenerator, T> sign)
    {
        Acquire();
        try
        {
            lock (_signing) return sign(X509SignatureGenerator.CreateForECDsa(_key));
        }
        finally
        {
            Release();
        }
    }

    internal byte[] SignData(ReadOnlySpan<byte> data)
    {
        Acquire();
        try
        {
            lock (_signing) return _key.SignData(data, Facts.Hash, DSASignatureFormat.Rfc3279DerSequence);
        }
        finally
        {
            Release();
        }
    }

    internal bool Verifies(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        using var key = Certificate.GetECDsaPublicKey()!;
        return key.VerifyData(data, signature, Facts.Hash, DSASignatureFormat.Rfc3279DerSequence);
    }

    /// <summary>Until <see cref="Release"/> the key stays open, whoever disposes this meanwhile.</summary>
    /// <exception cref="ObjectDisposedException">The key is closed.</exception>
    internal void Acquire()
    {
        int references;
        do
        {
            references = Volatile.Read(ref _references);
            ObjectDisposedException.ThrowIf(references == 0, this);
        }
        while (Interlocked.CompareExchange(ref _references, references + 1, references) != references);
    }

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0) _key.Dispose();
    }

    internal string ExportKeyPem() => _key.ExportPkcs8PrivateKeyPem();

    /// <summary>Gives up the owner's reference; signatures that were promised are still made.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) Release();
    }
}
