using IoTFleet.Fleet.Certificates;

namespace IoTFleet.Fleet.Enrolment;

/// <summary>By which credentials a group may be entered; several may be open at once.</summary>
[Flags]
public enum EnrolmentWays
{
    None = 0,
    Token = 1,
    ClaimCertificate = 2,
    Manufacturer = 4,

    /// <summary>Only devices imported or registered before.</summary>
    Preregistered = 8,
    DeviceCertificate = 16,
}

public enum ApprovalMode { Automatic, Queue }

/// <summary>
/// A way into the fleet with limits of its own. Its name is the label of its EST address (RFC 7030 3.2.2). A device keeps the group it came by;
/// the group's settings hold for its renewals, too.
/// </summary>
public sealed class EnrolmentGroup
{
    /// <summary>The group of everything that names none: tokens only, no limits but the token's own.</summary>
    public const string DefaultId = "default";

    /// <summary>Its label: of the grammar of a device id.</summary>
    public required string Id { get; init; }
    public string? Description { get; init; }
    public required EnrolmentWays Ways { get; init; }

    /// <summary>A closed group enrols nobody; its devices stay.</summary>
    public bool Closed { get; init; }
    public ApprovalMode Approval { get; init; }

    /// <summary>Requests that may wait for approval at once; one more is refused.</summary>
    public int MaxPending { get; init; } = 1_000;

    /// <summary>Devices it enrols in all; null for no limit.</summary>
    public int? MaxDevices { get; init; }
    public int Enrolled { get; init; }

    /// <summary>Enrolments an hour; null for no limit.</summary>
    public int? MaxPerHour { get; init; }

    /// <summary>The hour that <see cref="EnrolledThisHour"/> counts in: it begins with the first enrolment after the last one has ended.</summary>
    public DateTimeOffset? HourStartsAt { get; init; }
    public int EnrolledThisHour { get; init; }
    public DateTimeOffset? OpensAt { get; init; }
    public DateTimeOffset? ClosesAt { get; init; }

    /// <summary>A device id must match it: <c>*</c> for any run of characters, <c>?</c> for one; null for any id.</summary>
    public string? IdPattern { get; init; }

    /// <summary>When set, only hardware serial numbers on the group's list enrol.</summary>
    public bool OnlyListedSerials { get; init; }

    /// <summary>Given to each device enrolled: <c>name=value</c>.</summary>
    public string[] Tags { get; init; } = [];

    /// <summary>Days a certificate lives; null for the server's setting. Minutes when <see cref="CertificateMinutes"/> is set.</summary>
    public int? CertificateDays { get; init; }
    public int? CertificateMinutes { get; init; }

    /// <summary>Days after its end in which a certificate may still be renewed; zero for none.</summary>
    public int GraceDays { get; init; }

    /// <summary>How many renewals may keep the same key; zero demands a new key each time.</summary>
    public int KeyReuseLimit { get; init; }

    /// <summary>When set, a request must be linked to its TLS session by tls-unique (RFC 7030 3.5), which takes TLS 1.2.</summary>
    public bool RequireChannelBinding { get; init; }
    public bool ServerKeyGeneration { get; init; }
    public bool AllowRsa { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A hardware serial number that may enrol into a group, once.</summary>
public sealed class AllowedSerial
{
    public required string GroupId { get; init; }
    public required string Serial { get; init; }

    /// <summary>When set, it enrols as this device and no other.</summary>
    public string? DeviceId { get; init; }

    /// <summary>The device that came with it.</summary>
    public string? UsedBy { get; init; }
}

/// <summary>A production batch: its claim certificates enrol at most <see cref="Quota"/> devices within its window, and are revoked together.</summary>
public sealed class ClaimBatch
{
    public required string Id { get; init; }
    public required string GroupId { get; init; }
    public required int Quota { get; init; }
    public int Used { get; init; }
    public required DateTimeOffset OpensAt { get; init; }
    public required DateTimeOffset ClosesAt { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>Set while its claim certificates are suspended.</summary>
    public DateTimeOffset? HeldAt { get; init; }

    /// <summary>Set when the certificates of the devices it enrolled were revoked with it.</summary>
    public DateTimeOffset? DevicesRevokedAt { get; init; }

    /// <summary>Set while the certificates of the devices it enrolled are suspended.</summary>
    public DateTimeOffset? DevicesHeldAt { get; init; }
}

/// <summary>A certificate that a factory puts into each device of a batch; good for enrolment and nothing else.</summary>
public sealed class ClaimCertificate
{
    /// <summary>Lower-case hex.</summary>
    public required string Serial { get; init; }
    public required string BatchId { get; init; }
    public required string KeyFingerprint { get; init; }
    public required string IssuerId { get; init; }
    public required byte[] Der { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }
    public Pki.RevocationReason? RevocationReason { get; init; }
}

public enum ManufacturerState { AwaitingProof, Registered, Removed }

/// <summary>A manufacturer's authority whose device identities (802.1AR IDevID) enrol into a group. Registered when its holder has proved to have its key.</summary>
public sealed class ManufacturerAuthority
{
    /// <summary>SHA-256 of the certificate, lower-case hex.</summary>
    public required string Id { get; init; }
    public required string GroupId { get; init; }
    public required string Name { get; init; }
    public required byte[] Der { get; init; }
    public required ManufacturerState State { get; init; }

    /// <summary>To be the common name of a certificate signed by the authority's key.</summary>
    public required string Challenge { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? RegisteredAt { get; init; }
}

public enum PendingState { Waiting, Approved, Rejected }

/// <summary>A request that waits for an operator, with what is known of who sent it.</summary>
public sealed class PendingEnrolment
{
    public required string Id { get; init; }
    public required string GroupId { get; init; }
    public required string DeviceId { get; init; }
    public required string KeyFingerprint { get; init; }
    public required EnrolmentDoor Door { get; init; }

    /// <summary>The token or batch it came by.</summary>
    public string? CredentialId { get; init; }
    public string? HardwareSerial { get; init; }
    public string? Origin { get; init; }

    /// <summary>What the peer showed, for people: its certificate's subject, issuer and dates.</summary>
    public string? Evidence { get; init; }
    public required PendingState State { get; init; }
    public required DateTimeOffset AskedAt { get; init; }
    public required DateTimeOffset LastAskedAt { get; init; }
    public DateTimeOffset? DecidedAt { get; init; }
    public string? DecidedBy { get; init; }
}
