using IoTFleet.Pki;

namespace IoTFleet.Fleet.Certificates;

public sealed class IssuedCertificate
{
    /// <summary>Lower-case hex.</summary>
    public required string Serial { get; init; }
    public required string DeviceId { get; init; }
    public required string KeyFingerprint { get; init; }

    /// <summary>The enrolment token that paid for it.</summary>
    public required string TokenId { get; init; }
    public required byte[] Der { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }
    public RevocationReason? RevocationReason { get; init; }
}

/// <summary>
/// A key belongs to the first device it was certified for. A table of its own, because its primary key is what
/// makes it impossible for a second device to get in with the same key, while one device may renew with its key.
/// </summary>
public sealed class DeviceKey
{
    /// <summary>SHA-256 of the SubjectPublicKeyInfo, lower-case hex.</summary>
    public required string Fingerprint { get; init; }
    public required string DeviceId { get; init; }
}
