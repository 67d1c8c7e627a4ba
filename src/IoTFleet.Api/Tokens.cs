namespace IoTFleet.Api;

/// <summary>Body of <c>POST /tokens</c>: an enrolment token, which lets devices fetch their first certificate.</summary>
public sealed record CreateTokenRequest
{
    /// <summary>A name for people, shown in lists and in the audit trail.</summary>
    public required string Name { get; init; }

    /// <summary>How many devices may enrol with the token, at least 1.</summary>
    public int MaxUses { get; set; } = 1;       // set: left out of JSON, an init property is 0 instead of its default

    /// <summary>Lifetime in seconds from now, at least 1; null takes the server's default.</summary>
    public long? ExpiresInSeconds { get; init; }

    /// <summary>The only device that may use the token; null for any.</summary>
    public string? DeviceId { get; init; }

    /// <summary>The enrolment group whose limits it is under; null for the group <c>default</c>.</summary>
    public string? Group { get; init; }
}

/// <summary>An enrolment token as lists show it: without its secret, which only its hash remembers.</summary>
public record TokenSummary
{
    /// <summary>The token's id; not secret.</summary>
    public required string Id { get; init; }

    /// <summary>The name it was created with.</summary>
    public required string Name { get; init; }

    /// <summary>How many devices may enrol with it in all.</summary>
    public required int MaxUses { get; init; }

    /// <summary>How many have.</summary>
    public required int Uses { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>From when on it is refused.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The only device that may use it; null for any.</summary>
    public string? DeviceId { get; init; }

    /// <summary>The enrolment group whose limits it is under.</summary>
    public string? Group { get; init; }

    /// <summary>When an operator revoked it; null while it is not.</summary>
    public DateTimeOffset? RevokedAt { get; init; }
}

/// <summary>A token just made: the one answer that holds its secret.</summary>
public sealed record CreatedToken : TokenSummary
{
    /// <summary>The secret a device sends as the password of its enrolment. It cannot be read again.</summary>
    public required string Secret { get; init; }

    /// <summary>The token without its secret, so that it never reaches a log by accident.</summary>
    public override string ToString() => $"CreatedToken {{ Id = {Id}, Name = {Name} }}";
}
