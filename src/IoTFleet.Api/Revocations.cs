namespace IoTFleet.Api;

/// <summary>Where a revocation is in force.</summary>
public sealed record Effective
{
    /// <summary>The fleet's revocation sequence number that was waited for.</summary>
    public required long Sequence { get; init; }

    /// <summary>How many nodes have it in force, the one that answers included.</summary>
    public required int Nodes { get; init; }

    /// <summary>How many nodes there are.</summary>
    public required int Of { get; init; }

    /// <summary>Milliseconds from the commit until the slowest of <see cref="Nodes"/> had it in force.</summary>
    public required double SlowestMs { get; init; }

    /// <summary>Nodes that have not said so within five seconds.</summary>
    public required IReadOnlyList<string> Unacknowledged { get; init; }
}

/// <summary>A certificate with its holder.</summary>
public sealed record CertificateDetails
{
    /// <summary>The serial number, lower-case hex without separators.</summary>
    public required string Serial { get; init; }

    /// <summary><c>device</c>, <c>service</c>, <c>claim</c> or <c>server</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The device, service, claim batch or host it was issued to.</summary>
    public required string Holder { get; init; }

    /// <summary>The authority that issued it: its subject key identifier, lower-case hex.</summary>
    public required string IssuerId { get; init; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo, lower-case hex.</summary>
    public string? KeyFingerprint { get; init; }

    /// <summary>The claim batch the device was enrolled through.</summary>
    public string? BatchId { get; init; }

    /// <summary><c>good</c>, <c>suspended</c>, <c>revoked</c> or <c>expired</c>.</summary>
    public required string State { get; init; }

    /// <summary>Start of its validity.</summary>
    public required DateTimeOffset NotBefore { get; init; }

    /// <summary>End of its validity.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>When it was revoked; null while it is not.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>The reason given when it was revoked.</summary>
    public string? RevocationReason { get; init; }

    /// <summary>The certificate, PEM; only when one is asked for.</summary>
    public string? Pem { get; init; }

    /// <summary>Where what was asked for is in force; only in the answer to a change.</summary>
    public Effective? Effective { get; init; }
}

/// <summary>Body of <c>POST /keys/{fingerprint}/revoke</c>.</summary>
public sealed record RevokeKeyRequest
{
    /// <summary>Why, for those who look later; optional.</summary>
    public string? Why { get; init; }
}

/// <summary>Body of <c>POST /claims/{batch}/revoke</c>, <c>suspend</c> and <c>resume</c>.</summary>
public sealed record ChangeBatchRequest
{
    /// <summary>The devices that were enrolled through it, too.</summary>
    public bool WithDevices { get; init; }

    /// <summary>With devices: how many there are; see <see cref="RevocationRequest.Confirm"/>.</summary>
    public int? Confirm { get; init; }

    /// <summary>Changes nothing and counts.</summary>
    public bool DryRun { get; init; }

    /// <summary>Why, as in <see cref="RevokeDeviceRequest.Reason"/>.</summary>
    public string? Reason { get; init; }
}

/// <summary>Body of <c>POST /authorities/{id}/revoke</c>.</summary>
public sealed record RevokeAuthorityRequest
{
    /// <summary>The number of good certificates that end with it; must be right.</summary>
    public int? Confirm { get; init; }

    /// <summary>Changes nothing and counts.</summary>
    public bool DryRun { get; init; }

    /// <summary>Why, as in <see cref="RevokeDeviceRequest.Reason"/>, or <c>caCompromise</c>, which it is when absent.</summary>
    public string? Reason { get; init; }
}

/// <summary>Body of <c>POST /revocations</c>: whom it concerns is everybody who fits all that is given of group, batch, ids, tag and time of issue.</summary>
public sealed record RevocationRequest
{
    /// <summary><c>revoke</c>, <c>suspend</c> or <c>resume</c>.</summary>
    public required string Action { get; init; }

    /// <summary>Devices of this enrolment group.</summary>
    public string? Group { get; init; }

    /// <summary>Devices enrolled through this claim batch.</summary>
    public string? Batch { get; init; }

    /// <summary>These devices.</summary>
    public IReadOnlyList<string>? Ids { get; init; }

    /// <summary>Devices with this tag, <c>name=value</c>.</summary>
    public string? Tag { get; init; }

    /// <summary>Devices with a certificate that begins then or later.</summary>
    public DateTimeOffset? IssuedFrom { get; init; }

    /// <summary>Devices with a certificate that begins before.</summary>
    public DateTimeOffset? IssuedTo { get; init; }

    /// <summary>Devices with a certificate of this authority.</summary>
    public string? Authority { get; init; }

    /// <summary>Why, as in <see cref="RevokeDeviceRequest.Reason"/>.</summary>
    public string? Reason { get; init; }

    /// <summary>Changes nothing and counts.</summary>
    public bool DryRun { get; init; }

    /// <summary>The number of devices it concerns, as a dry run told it; anything else is refused.</summary>
    public int? Confirm { get; init; }

    /// <summary>Suspends the devices while the request waits for a second operator; cancelling it resumes them.</summary>
    public bool SuspendFirst { get; init; }
}

/// <summary>What a change of many did, or would do.</summary>
public sealed record RevocationReport
{
    /// <summary><c>counted</c>, <c>done</c>, <c>cancelled</c> or <c>awaiting-second-operator</c>.</summary>
    public required string State { get; init; }

    /// <summary>How many devices it concerns; of an authority: how many certificates.</summary>
    public required int Count { get; init; }

    /// <summary>Certificates revoked.</summary>
    public int Certificates { get; init; }

    /// <summary>Some of the devices, of a dry run.</summary>
    public IReadOnlyList<string>? Sample { get; init; }

    /// <summary>What a second operator confirms.</summary>
    public string? OrderId { get; init; }

    /// <summary>Who asked for it.</summary>
    public string? RequestedBy { get; init; }

    /// <summary>When it was asked for.</summary>
    public DateTimeOffset? RequestedAt { get; init; }

    /// <summary>Where it is in force.</summary>
    public Effective? Effective { get; init; }
}

/// <summary>Body of <c>POST /revocations/{id}/confirm</c>.</summary>
public sealed record ConfirmRevocationRequest
{
    /// <summary>The number of devices it concerns.</summary>
    public int? Confirm { get; init; }
}
