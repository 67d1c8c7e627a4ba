namespace IoTFleet.Fleet.Enrolment;

/// <summary>Leave to enrol: one device or a group, until used up, expired or revoked.</summary>
public sealed class EnrolmentToken
{
    public const string SecretPrefix = "ift_";

    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string SecretHash { get; init; }
    public required int MaxUses { get; init; }
    public required int Uses { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When set, only this device may use it, and it may enrol again although it holds a live certificate.</summary>
    public string? DeviceId { get; init; }

    /// <summary>Whose limits it is under.</summary>
    public string GroupId { get; init; } = EnrolmentGroup.DefaultId;
    public DateTimeOffset? RevokedAt { get; init; }
}
