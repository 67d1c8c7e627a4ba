using System.Security.Cryptography;

namespace IoTFleet.Pki.Transparency;

/// <summary>
/// The key that signs what the log says of itself, and nothing else: P-256, signature type 0x02 of C2SP's signed notes, because .NET has no Ed25519.
/// Whoever holds an authority's key still cannot make the log forget.
/// </summary>
public sealed class LogKey : IDisposable
{
    private const string FileName = "log.key";

    private readonly ECDsa _key;
    private readonly Lock _signing = new();

    private LogKey(string origin, ECDsa key)
    {
        _key = key;
        Verifier = new NoteVerifier(origin, key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>What others check its signatures with.</summary>
    public NoteVerifier Verifier { get; }

    /// <summary>Lies beside the authorities' keys; made at the first start. For authorities that are in no folder it is made anew and lost with the process.</summary>
    /// <exception cref="KeyFileException">The file cannot be read or written.</exception>
    public static LogKey Of(FleetAuthorities authorities)
    {
        var origin = $"{authorities.Names.Domain}/issued";
        if (authorities.Files is not { } files) return new LogKey(origin, ECDsa.Create(ECCurve.NamedCurves.nistP256));
        var file = Path.Combine(files.Folder, FileName);
        if (File.Exists(file)) return new LogKey(origin, PemFile.ReadKey(file));
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        PemFile.WhileWriting(file, () => PemFile.WriteSecret(file, key.ExportPkcs8PrivateKeyPem()));
        return new LogKey(origin, key);
    }

    /// <summary>The text with a signature line below it. C2SP signed-note</summary>
    public string Sign(string text)
    {
        byte[] signature;
        lock (_signing) signature = _key.SignData(System.Text.Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return $"{text}\n{Verifier.SignatureLine(signature)}\n";
    }

    public void Dispose()
    {
        lock (_signing) _key.Dispose();
    }
}
