using IoTFleet.Pki;

namespace IoTFleet.Fleet.Certificates;

/// <summary>By which way a device came to a certificate.</summary>
public enum EnrolmentDoor { Token, ClaimCertificate, Manufacturer, DeviceCertificate, Renewal, GraceRenewal, ServerKey }

public sealed class IssuedCertificate
{
    /// <summary>Lower-case hex.</summary>
    public required string Serial { get; init; }
    public required string DeviceId { get; init; }
    public required string KeyFingerprint { get; init; }

    /// <summary>The authority's id: its subject key identifier, lower-case hex. Empty for certificates issued before authorities were recorded.</summary>
    public string IssuerId { get; init; } = "";
    public EnrolmentDoor Door { get; init; }

    /// <summary>The enrolment token that paid for it, when one did.</summary>
    public string? TokenId { get; init; }

    /// <summary>The claim certificate's batch it was enrolled by, kept by its renewals.</summary>
    public string? BatchId { get; init; }
    public required byte[] Der { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }
    public RevocationReason? RevocationReason { get; init; }

    /// <summary>Set while it is suspended (certificateHold); cleared when it is resumed.</summary>
    public DateTimeOffset? HeldAt { get; init; }

    /// <summary>The certificate it renews.</summary>
    public string? PredecessorSerial { get; init; }

    /// <summary>The serial of the first certificate of its line: renewals keep it, a new enrolment starts another.</summary>
    public string? Lineage { get; init; }

    /// <summary>How often this key has been certified for the device before, zero for a new key.</summary>
    public int KeyUses { get; init; }

    /// <summary>When the first connection with it was completed; its predecessor is superseded then.</summary>
    public DateTimeOffset? FirstUsedAt { get; init; }

    /// <summary>Its place in the log of issued certificates.</summary>
    public long? LogIndex { get; init; }

    /// <param name="presentSerial">Of the certificate that was shown, when one was.</param>
    /// <param name="revokedAt">When its device was shut out before it could be stored.</param>
    internal static IssuedCertificate Enrolled(string deviceId, EnrolmentDoor door, string? presentSerial, SignedCertificate signed, DateTimeOffset? revokedAt) =>
        Of(deviceId, door, signed, presentSerial, signed.Leaf.SerialHex, keyUses: 0, revokedAt);

    /// <summary>The door, where the intent names none, is the renewal's; the line goes on.</summary>
    internal static IssuedCertificate Renewed(IssuedCertificate old, SignedCertificate signed, int keyUses, DateTimeOffset? revokedAt) =>
        Of(old.DeviceId, EnrolmentDoor.Renewal, signed, old.Serial, old.Lineage ?? old.Serial, keyUses, revokedAt);

    private static IssuedCertificate Of(
        string deviceId, EnrolmentDoor door, SignedCertificate signed, string? predecessor, string lineage, int keyUses, DateTimeOffset? revokedAt) => new()
        {
            Serial = signed.Leaf.SerialHex,
            DeviceId = deviceId,
            KeyFingerprint = signed.Intent.KeyFingerprint,
            IssuerId = signed.Intent.IssuerId,
            Door = signed.Intent.Door ?? door,
            TokenId = signed.Intent.TokenId,
            BatchId = signed.Intent.BatchId,
            Der = signed.Leaf.Der.ToArray(),
            NotBefore = signed.Leaf.NotBefore,
            NotAfter = signed.Leaf.NotAfter,
            PredecessorSerial = predecessor,
            Lineage = lineage,
            KeyUses = keyUses,
            LogIndex = signed.LogIndex,
            RevokedAt = revokedAt,
            RevocationReason = revokedAt is null ? null : Pki.RevocationReason.CessationOfOperation,
        };
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

/// <summary>A key that nothing is ever issued to again: revoked for compromise, known to the world, or an authority's own.</summary>
public sealed class BlockedKey
{
    /// <summary>SHA-256 of the SubjectPublicKeyInfo, lower-case hex.</summary>
    public required string Fingerprint { get; init; }
    public required string Reason { get; init; }
    public required DateTimeOffset At { get; init; }
}

/// <summary>
/// The leave to sign one certificate, committed before the key signs and removed in the transaction that stores the certificate.
/// One that stays behind was left by a crash: what it took (a token's use, a place in a quota) is still owed to the same device and key.
/// </summary>
public sealed class IssuanceIntent
{
    /// <summary>The serial of the certificate to be signed, lower-case hex.</summary>
    public required string Serial { get; init; }

    /// <summary>The profile's name.</summary>
    public required string Profile { get; init; }

    /// <summary>The device, service, batch or host it is for.</summary>
    public required string Subject { get; init; }
    public required string KeyFingerprint { get; init; }
    public required string IssuerId { get; init; }
    public EnrolmentDoor? Door { get; init; }
    public string? TokenId { get; init; }
    public string? BatchId { get; init; }

    /// <summary>SHA-256 of the part that is to be signed, lower-case hex.</summary>
    public required string TbsHash { get; init; }
    public required DateTimeOffset At { get; init; }
}
