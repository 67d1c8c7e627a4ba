using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>A certificate authority's certificate with the key that signs for it.</summary>
public sealed class IssuerKey : IDisposable
{
    private readonly ECDsa _key;
    private readonly Lock _signing = new();

    /// <summary>Takes both over and disposes them.</summary>
    public IssuerKey(X509Certificate2 certificate, ECDsa key)
    {
        Certificate = certificate;
        _key = key;
    }

    public X509Certificate2 Certificate { get; }

    /// <exception cref="KeyFileException">A file is missing, unreadable, readable by others, or the two do not belong together.</exception>
    public static IssuerKey Load(string certificateFile, string keyFile)
    {
        var certificate = PemFile.ReadCertificate(certificateFile);
        var key = PemFile.ReadKey(keyFile);
        if (!PemFile.BelongTogether(certificate, key))
            throw new KeyFileException(keyFile, $"is not the key of {certificateFile}", "restore both files from the same backup");
        return new IssuerKey(certificate, key);
    }

    /// <summary>One signature at a time: key objects promise no thread safety, and a signature takes microseconds.</summary>
    internal T Sign<T>(Func<X509SignatureGenerator, T> sign)
    {
        lock (_signing) return sign(X509SignatureGenerator.CreateForECDsa(_key));
    }

    internal string ExportKeyPem() => _key.ExportPkcs8PrivateKeyPem();

    public void Dispose()
    {
        lock (_signing) _key.Dispose();
        Certificate.Dispose();
    }
}
