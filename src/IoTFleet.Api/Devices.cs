namespace IoTFleet.Api;

/// <summary>The values of <see cref="DeviceSummary.State"/>.</summary>
public static class DeviceStates
{
    /// <summary>Known by name; no certificate was issued yet.</summary>
    public const string Registered = "registered";

    /// <summary>Enrolled; may connect.</summary>
    public const string Active = "active";

    /// <summary>Refused at the door until an operator resumes it; its certificates stay valid.</summary>
    public const string Suspended = "suspended";

    /// <summary>Refused for good; its certificates are revoked.</summary>
    public const string Revoked = "revoked";
}

/// <summary>A device as lists show it.</summary>
public record DeviceSummary
{
    /// <summary>The device's id, <c>[a-z0-9][a-z0-9._-]{0,62}</c>, not ending with a dot; also its MQTT client id.</summary>
    public required string Id { get; init; }

    /// <summary>A name for people, if one was given.</summary>
    public string? DisplayName { get; init; }

    /// <summary>One of <see cref="DeviceStates"/>; a newer server may know more.</summary>
    public required string State { get; init; }

    /// <summary>When the server first heard of the device.</summary>
    public required DateTimeOffset RegisteredAt { get; init; }

    /// <summary>Whether the device holds an MQTT connection now.</summary>
    public required bool Connected { get; init; }

    /// <summary>Since when it holds that connection; null when not connected.</summary>
    public DateTimeOffset? ConnectedSince { get; init; }

    /// <summary>Where what was asked for is in force; only in the answer to a change.</summary>
    public Effective? Effective { get; init; }
}

/// <summary>A device with the certificates issued to it.</summary>
public sealed record DeviceDetails : DeviceSummary
{
    /// <summary>Every certificate ever issued to the device, newest first.</summary>
    public required IReadOnlyList<CertificateSummary> Certificates { get; init; }
}

/// <summary>Body of <c>POST /devices</c>.</summary>
public sealed record RegisterDeviceRequest
{
    /// <summary>The new device's id, <c>[a-z0-9][a-z0-9._-]{0,62}</c>, not ending with a dot.</summary>
    public required string Id { get; init; }

    /// <summary>A name for people; optional.</summary>
    public string? DisplayName { get; init; }
}
