namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>Encrypts what webhooks are signed with, by means of the host: a signature needs the secret itself, so a hash would not do.</summary>
public sealed class WebhookSecrets(Func<byte[], byte[]> protect, Func<byte[], byte[]> unprotect)
{
    private const string Prefix = "iotfleet_hook_";

    internal static Secret New() => Secret.Create(Prefix);

    internal byte[] Protect(Secret secret) => protect(System.Text.Encoding.UTF8.GetBytes(secret.Reveal()));

    /// <exception cref="System.Security.Cryptography.CryptographicException">It was encrypted by another key.</exception>
    public byte[] Reveal(byte[] stored) => unprotect(stored);
}
