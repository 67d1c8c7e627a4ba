using System.Security.Cryptography;

namespace IoTFleet.Pki;

/// <summary>
/// A key that stays in a hardware token, named by a PKCS#11 URI (RFC 7512) and used through OpenSSL's engine "pkcs11" (libp11). The token's
/// module is the process's to name, in PKCS11_MODULE_PATH.
/// </summary>
internal static class TokenKey
{
    public const string Scheme = "pkcs11:";

    /// <param name="uri">Without a PIN: this text is kept in files, in the database and in messages.</param>
    /// <param name="place">The file or setting that holds it, for messages.</param>
    public static ECDsa Open(string uri, KeySecrets secrets, string place)
    {
        Check(uri, place);
        // Looked for, not only refused by the platform: on Windows and macOS .NET has no OpenSSL to ask.
        if (!OperatingSystem.IsLinux()) throw new KeyFileException(place, "names a key in a token, which works on Linux only", "use a key file");
        // In a file for the moment of opening, never in the URI: the engine prints the whole URI when it does not find the key.
        var pinFile = secrets.Pin is null ? null : Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            if (pinFile is not null) PemFile.WhileWriting(pinFile, () => PemFile.WriteSecret(pinFile, secrets.Pin!));
            using var handle = SafeEvpPKeyHandle.OpenPrivateKeyFromEngine("pkcs11", WithPin(uri, pinFile));
            return new ECDsaOpenSsl(handle);
        }
        catch (Exception unusable) when (unusable is CryptographicException or PlatformNotSupportedException)
        {
            throw new KeyFileException(place, $"names the key {uri}, which cannot be opened ({unusable.GetType().Name})",
                "check the token, the engine (libengine-pkcs11-openssl), PKCS11_MODULE_PATH, and the PIN in IoTFleet:CaPinFile or IOTFLEET_CA_PIN", unusable);
        }
        finally
        {
            if (pinFile is not null) File.Delete(pinFile);
        }
    }

    private static void Check(string uri, string place)
    {
        if (!uri.StartsWith(Scheme, StringComparison.Ordinal) || uri.Any(c => c is <= ' ' or >= '\x7F'))
            throw new KeyFileException(place, "does not hold a PKCS#11 URI", "write one such as pkcs11:token=iot;object=devices;type=private");
        if (uri.Contains("pin-value", StringComparison.OrdinalIgnoreCase))
            throw new KeyFileException(place, "holds the PIN in its URI", "take pin-value out of it and give the PIN in IoTFleet:CaPinFile or IOTFLEET_CA_PIN");
    }

    // RFC 7512 2.4: in the query, percent-encoded.
    private static string WithPin(string uri, string? pinFile) => pinFile is null ? uri
        : $"{uri}{(uri.Contains('?', StringComparison.Ordinal) ? '&' : '?')}pin-source={Uri.EscapeDataString("file:" + pinFile)}";
}
