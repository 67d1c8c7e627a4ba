namespace IoTFleet.Api;

/// <summary>The values of <see cref="GroupSettings.Ways"/>.</summary>
public static class EnrolmentWayNames
{
    /// <summary>An enrolment token.</summary>
    public const string Token = "token";

    /// <summary>A claim certificate of one of the group's batches.</summary>
    public const string ClaimCertificate = "claimCertificate";

    /// <summary>A device identity (IEEE 802.1AR) of a manufacturer registered with the group.</summary>
    public const string Manufacturer = "manufacturer";

    /// <summary>Only devices imported or registered before. Alone, it asks for no credential, and each request waits for approval.</summary>
    public const string Preregistered = "preregistered";

    /// <summary>The device's present certificate.</summary>
    public const string DeviceCertificate = "deviceCertificate";
}

/// <summary>Body of <c>PUT /groups/{id}</c>: everything an operator decides about a group. What is left out is as in a new group.</summary>
public record GroupSettings
{
    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>By which credentials devices may enter, of <see cref="EnrolmentWayNames"/>.</summary>
    public IReadOnlyList<string> Ways { get; set; } = [EnrolmentWayNames.Token];      // set: left out of JSON, an init property is null instead of its default

    /// <summary>Whether each request waits for an operator.</summary>
    public bool ApprovalRequired { get; init; }

    /// <summary>Requests that may wait for approval at once.</summary>
    public int MaxPending { get; set; } = 1_000;

    /// <summary>Devices it enrols in all; null for no limit.</summary>
    public int? MaxDevices { get; init; }

    /// <summary>Devices it enrols in an hour; null for no limit.</summary>
    public int? MaxPerHour { get; init; }

    /// <summary>Before this it enrols nobody.</summary>
    public DateTimeOffset? OpensAt { get; init; }

    /// <summary>From then on it enrols nobody.</summary>
    public DateTimeOffset? ClosesAt { get; init; }

    /// <summary>A device id must match it: <c>*</c> for any run of characters, <c>?</c> for one; null for any id.</summary>
    public string? IdPattern { get; init; }

    /// <summary>Whether only hardware serial numbers of the group's list enrol; an import fills the list.</summary>
    public bool OnlyListedSerials { get; init; }

    /// <summary>Given to each device enrolled, <c>name=value</c>.</summary>
    public IReadOnlyList<string> Tags { get; set; } = [];

    /// <summary>Days a certificate lives; null for the server's setting.</summary>
    public int? CertificateDays { get; init; }

    /// <summary>Minutes a certificate lives; goes before the days.</summary>
    public int? CertificateMinutes { get; init; }

    /// <summary>Days after its end in which a certificate may still be renewed.</summary>
    public int GraceDays { get; init; }

    /// <summary>How many renewals may keep the same key.</summary>
    public int KeyReuseLimit { get; init; }

    /// <summary>Whether a request must be linked to its TLS session by tls-unique (RFC 7030 3.5), which takes TLS 1.2.</summary>
    public bool RequireChannelBinding { get; init; }

    /// <summary>Whether the server makes keys for devices that cannot (RFC 7030 4.4).</summary>
    public bool ServerKeyGeneration { get; init; }

    /// <summary>Whether RSA keys are accepted.</summary>
    public bool AllowRsa { get; init; }
}

/// <summary>Body of <c>POST /groups</c>.</summary>
public sealed record CreateGroupRequest : GroupSettings
{
    /// <summary>The group's name and the label of its EST address, of the grammar of a device id.</summary>
    public required string Id { get; init; }
}

/// <summary>An enrolment group: a way into the fleet with limits of its own.</summary>
public sealed record GroupDetails : GroupSettings
{
    /// <summary>The group's name and the label of its EST address.</summary>
    public required string Id { get; init; }

    /// <summary>Whether it is shut: it enrols nobody, its devices stay.</summary>
    public required bool Closed { get; init; }

    /// <summary>Devices it has enrolled.</summary>
    public required int Enrolled { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}
