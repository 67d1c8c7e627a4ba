using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A certificate authority's certificate with the key that signs for it. The one owner of the key: whoever prepared a
/// certificate holds a reference, and the key is closed after the last signature that was promised, not before.
/// </summary>
public sealed class IssuerKey : IDisposable
{
    // A tenth of a second for who knows the passphrase; a start opens five keys.
    private static readonly PbeParameters Encryption = new(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, iterationCount: 300_000);

    private const string FileScheme = "file:";

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

    /// <summary>Where the key was found: <c>file:devices.key</c> or a PKCS#11 URI without its PIN. Null for one that lives in memory.</summary>
    public string? Reference { get; private init; }

    /// <exception cref="KeyFileException">A file is missing, unreadable, readable by others, or the two do not belong together.</exception>
    public static IssuerKey Load(string certificateFile, string keyFile) => Load(certificateFile, keyFile, KeySecrets.None);

    /// <summary>
    /// The key is in the file; or in a token, when there is only a file beside it whose name ends in <c>-uri</c> and that holds the token's URI.
    /// </summary>
    public static IssuerKey Load(string certificateFile, string keyFile, KeySecrets secrets)
    {
        var certificate = PemFile.ReadCertificate(certificateFile);
        var uriFile = keyFile + "-uri";
        if (File.Exists(keyFile) || !File.Exists(uriFile))
            return Join(certificate, PemFile.ReadKey(keyFile, secrets), keyFile, FileScheme + Path.GetFileName(keyFile));
        var uri = PemFile.ReadText(uriFile).Trim();
        return Join(certificate, TokenKey.Open(uri, secrets, uriFile), uriFile, uri);
    }

    /// <summary>The key of an authority that is known, where its reference says.</summary>
    /// <returns>Null when the folder has no such file: the key is kept elsewhere, or was destroyed.</returns>
    /// <exception cref="KeyFileException">It is there but cannot be used, or is another authority's.</exception>
    public static IssuerKey? Open(X509Certificate2 certificate, string reference, string folder, KeySecrets secrets)
    {
        if (reference.StartsWith(TokenKey.Scheme, StringComparison.Ordinal))
            return Join(certificate, TokenKey.Open(reference, secrets, certificate.Subject), certificate.Subject, reference);
        if (!reference.StartsWith(FileScheme, StringComparison.Ordinal)) return null;
        var file = Path.Combine(folder, Path.GetFileName(reference[FileScheme.Length..]));
        return File.Exists(file) ? Join(certificate, PemFile.ReadKey(file, secrets), file, reference) : null;
    }

    private static IssuerKey Join(X509Certificate2 certificate, ECDsa key, string place, string reference)
    {
        if (PemFile.BelongTogether(certificate, key)) return new IssuerKey(certificate, key) { Reference = reference };
        key.Dispose();
        throw new KeyFileException(place, $"is not the key of {certificate.Subject}", "restore the certificate and its key from the same backup");
    }

    /// <summary>The key first: a certificate that is there makes the pair count. Encrypted when there is a passphrase.</summary>
    public void Save(string certificateFile, string keyFile, KeySecrets secrets)
    {
        PemFile.WriteSecret(keyFile, KeyPem(_key, secrets));
        PemFile.WritePublic(certificateFile, Certificate.ExportCertificatePem() + "\n");
    }

    public void Save(string certificateFile, string keyFile) => Save(certificateFile, keyFile, KeySecrets.None);

    internal static string KeyPem(ECDsa key, KeySecrets secrets) =>
        (secrets.HasPassphrase ? key.ExportEncryptedPkcs8PrivateKeyPem(secrets.Passphrase, Encryption) : key.ExportPkcs8PrivateKeyPem()) + "\n";

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
