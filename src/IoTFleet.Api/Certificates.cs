namespace IoTFleet.Api;

/// <summary>A certificate issued to a device.</summary>
public sealed record CertificateSummary
{
    /// <summary>The serial number, lower-case hex without separators.</summary>
    public required string Serial { get; init; }

    /// <summary>Start of its validity.</summary>
    public required DateTimeOffset NotBefore { get; init; }

    /// <summary>End of its validity.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>When it was revoked; null while it is not.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>The reason given when it was revoked, a word as in <see cref="RevokeDeviceRequest.Reason"/>.</summary>
    public string? RevocationReason { get; init; }
}

/// <summary>Body of <c>POST /devices/{id}/revoke</c>.</summary>
public sealed record RevokeDeviceRequest
{
    /// <summary>
    /// Why, one of the words of RFC 5280 5.3.1: <c>unspecified</c>, <c>keyCompromise</c>, <c>affiliationChanged</c>, <c>superseded</c> or
    /// <c>cessationOfOperation</c>; null is <c>unspecified</c>.
    /// </summary>
    public string? Reason { get; init; }
}

/// <summary>What a revocation did.</summary>
public sealed record RevocationResult
{
    /// <summary>The revoked device.</summary>
    public required string Id { get; init; }

    /// <summary>How many certificates became revoked by this request; 0 when all of them were before.</summary>
    public required int CertificatesRevoked { get; init; }

    /// <summary>How many live connections were closed.</summary>
    public required int SessionsClosed { get; init; }

    /// <summary>Where it is in force.</summary>
    public Effective? Effective { get; init; }
}
