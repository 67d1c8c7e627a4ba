namespace IoTFleet.Pki;

/// <summary>
/// What opens the authorities' keys: the passphrase of key files that are encrypted, the PIN of a hardware token. Each from a file that
/// a setting names, from the environment, or from systemd (LoadCredential=). Never logged, never part of a message.
/// </summary>
public sealed class KeySecrets
{
    public const string PassphraseVariable = "IOTFLEET_CA_PASSPHRASE";
    public const string PinVariable = "IOTFLEET_CA_PIN";
    public const string Ways = "give it in the file of IoTFleet:CaPassphraseFile, in IOTFLEET_CA_PASSPHRASE, or as the systemd credential ca-passphrase";

    private const string CredentialsFolder = "CREDENTIALS_DIRECTORY"; // systemd.exec(5)

    public static readonly KeySecrets None = new(null, null);

    public KeySecrets(string? passphrase, string? pin) => (Passphrase, Pin) = (passphrase, pin);

    internal string? Passphrase { get; }
    internal string? Pin { get; }

    public bool HasPassphrase => Passphrase is not null;

    /// <param name="passphraseFile">Null: the environment and systemd are asked. A file that is named must be there.</param>
    /// <param name="pinFile">As the other.</param>
    /// <param name="environment">A variable's value, or null.</param>
    /// <exception cref="KeyFileException">A file is missing, unreadable or empty.</exception>
    public static KeySecrets Find(string? passphraseFile, string? pinFile, Func<string, string?> environment) => new(
        FindText(passphraseFile, environment(PassphraseVariable), "ca-passphrase", environment),
        FindText(pinFile, environment(PinVariable), "ca-pin", environment));

    /// <summary>The same for a secret of another kind.</summary>
    /// <param name="file">Null or empty: the value and then systemd. A file that is named must be there.</param>
    /// <param name="value">The secret itself, where it is given so.</param>
    /// <param name="credential">Its name with systemd.</param>
    /// <param name="environment">A variable's value, or null.</param>
    /// <exception cref="KeyFileException">A file is missing, unreadable or empty.</exception>
    public static string? FindText(string? file, string? value, string credential, Func<string, string?> environment)
    {
        if (!string.IsNullOrEmpty(file)) return Read(file);
        if (!string.IsNullOrEmpty(value)) return value;
        if (environment(CredentialsFolder) is not { Length: > 0 } folder) return null;
        var path = Path.Combine(folder, credential);
        return File.Exists(path) ? Read(path) : null;
    }

    private static string Read(string file)
    {
        var text = PemFile.ReadText(file).TrimEnd('\r', '\n'); // An editor's last line end is no part of a secret.
        return text.Length > 0 ? text : throw new KeyFileException(file, "is empty", "write the secret into it");
    }
}
