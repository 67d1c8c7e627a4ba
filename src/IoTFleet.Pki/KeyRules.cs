namespace IoTFleet.Pki;

/// <summary>Which keys may be certified. By default P-256 only; what else an operator opened.</summary>
public sealed record KeyRules
{
    public static readonly KeyRules Default = new();

    public bool AllowP384 { get; init; }

    /// <summary>2048, 3072 and 4096 bits with the exponent 65537. Dearer for servers and for small devices than a curve.</summary>
    public bool AllowRsa { get; init; }

    /// <summary>
    /// Asked with a key's fingerprint: why nothing is ever issued to it, or null. For what is in memory (the authorities' own keys, keys
    /// that the world knows); keys revoked for compromise are rows, asked where the certificate is recorded.
    /// </summary>
    public Func<string, string?>? WhyBlocked { get; init; }
}
