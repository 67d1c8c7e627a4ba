using System.Security.Cryptography;

namespace IoTFleet.Device.Identity;

/// <summary>
/// A private key that stays where it was made, used through OpenSSL: <c>pkcs11:</c> with the engine of libp11 (RFC 7512; the token's library is the process's to name, in
/// PKCS11_MODULE_PATH), <c>handle:</c> with the provider of tpm2-openssl.
/// </summary>
internal static class HardwareKey
{
    private const string Token = "pkcs11:";
    private const string Tpm = "handle:";

    public static string? FindProblem(string? reference)
    {
        if (reference is null || !(reference.StartsWith(Token, StringComparison.Ordinal) || reference.StartsWith(Tpm, StringComparison.Ordinal)) || reference.Any(c => c is <= ' ' or >= '\x7F'))
            return "must be a URI such as pkcs11:token=iot;object=device-a;type=private, or handle:0x81000001";
        return reference.Contains("pin-value", StringComparison.OrdinalIgnoreCase) ? "must not hold the PIN: what names a key gets into logs. Give it in a file" : null;
    }

    /// <exception cref="DeviceException">It cannot be opened, or is no P-256 key.</exception>
    public static ECDsa OpenEcdsa(string reference, string? pin)
    {
        if (!OperatingSystem.IsLinux())
            throw new DeviceException(DeviceError.KeyStoreFailed, $"The key {reference} can be used on Linux only, where .NET has OpenSSL.");
        try
        {
            using var handle = OpenHandle(reference, pin);
            var key = new ECDsaOpenSsl(handle);
            if (key.KeySize == 256)
                return key;
            key.Dispose();
        }
        catch (Exception error) when (IsExpected(error))
        {
            throw Unusable(reference, error);
        }

        throw new DeviceException(DeviceError.KeyStoreFailed, $"The key {reference} is not a P-256 one; make another, as docs/device-keys.md says.");
    }

    /// <summary>For a manufacturer's identity, which may be RSA.</summary>
    public static RSA OpenRsa(string reference, string? pin)
    {
        if (!OperatingSystem.IsLinux())
            throw new DeviceException(DeviceError.KeyStoreFailed, $"The key {reference} can be used on Linux only, where .NET has OpenSSL.");
        try
        {
            using var handle = OpenHandle(reference, pin);
            return new RSAOpenSsl(handle);
        }
        catch (Exception error) when (IsExpected(error))
        {
            throw Unusable(reference, error);
        }
    }

    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    private static SafeEvpPKeyHandle OpenHandle(string reference, string? pin)
    {
        if (reference.StartsWith(Tpm, StringComparison.Ordinal))
            return SafeEvpPKeyHandle.OpenKeyFromProvider("tpm2", reference);
        if (pin is null)
            return SafeEvpPKeyHandle.OpenPrivateKeyFromEngine("pkcs11", reference);

        // Handed over in a file that lives as long as the opening, in memory where there is such a place; never in the URI, which the engine prints when it does not find the key.
        var file = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            DurableFile.WritePrivate(file, pin);
            var query = reference.Contains('?', StringComparison.Ordinal) ? '&' : '?';
            return SafeEvpPKeyHandle.OpenPrivateKeyFromEngine("pkcs11", $"{reference}{query}pin-source={Uri.EscapeDataString("file:" + file)}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static bool IsExpected(Exception error) => error is CryptographicException or PlatformNotSupportedException or IOException or UnauthorizedAccessException;

    // OpenSSL says no more than "failed loading private key" for whatever is wrong; what the engine prints on the standard error stream says which it was.
    private static DeviceException Unusable(string reference, Exception error) => new(DeviceError.KeyStoreFailed, reference.StartsWith(Tpm, StringComparison.Ordinal)
        ? $"The TPM's key {reference} cannot be opened: {error.Message}. See that the TPM is there (tpm2_getcap handles-persistent), that this user may use it (TPM2OPENSSL_TCTI, group tss), that tpm2-openssl is installed, and that the key was made as docs/device-keys.md says."
        : $"The key {reference} cannot be opened: {error.Message}. See that the token is there (pkcs11-tool --list-slots), that PKCS11_MODULE_PATH names its library, that libengine-pkcs11-openssl is installed, that the PIN is right, and that the key exists. Do not try again and again: each attempt with a wrong PIN takes two of the token's tries.", error);
}
