namespace IoTFleet.Fleet.Devices;

/// <summary>Registered: known, never enrolled. Active: may connect. Suspended: may not, until resumed. Revoked: never again.</summary>
public enum DeviceState { Registered, Active, Suspended, Revoked }

public sealed class Device
{
    /// <summary>Of the grammar of <see cref="Pki.DeviceName"/>.</summary>
    public required string Id { get; init; }
    public string? DisplayName { get; init; }
    public required DeviceState State { get; init; }
    public required DateTimeOffset RegisteredAt { get; init; }
    public required DateTimeOffset StateChangedAt { get; init; }

    /// <summary>The enrolment group it came by; null before it has enrolled.</summary>
    public string? GroupId { get; init; }

    /// <summary>What its maker calls it: a serial number from an IDevID, an import or a request.</summary>
    public string? HardwareSerial { get; init; }

    /// <summary><c>name=value</c>.</summary>
    public string[] Tags { get; init; } = [];

    /// <summary>The trust bundle it said it holds, at its last connection.</summary>
    public long? TrustBundleVersion { get; init; }
    public DateTimeOffset? LastConnectedAt { get; init; }

    /// <summary>When an operator last asked for a new certificate before its time; met by a certificate that is newer.</summary>
    public DateTimeOffset? RenewRequestedAt { get; init; }

    /// <summary>Set when two holders of its key were seen; cleared by an operator.</summary>
    public DateTimeOffset? CloneSuspectedAt { get; init; }
}
