namespace IoTFleet.Api;

/// <summary>Body of <c>POST /claims</c>: a production batch.</summary>
public sealed record CreateBatchRequest
{
    /// <summary>The batch's name, of the grammar of a device id.</summary>
    public required string Id { get; init; }

    /// <summary>The enrolment group its devices come into.</summary>
    public required string Group { get; init; }

    /// <summary>Devices it may enrol in all.</summary>
    public required int Quota { get; init; }

    /// <summary>Before this its claim certificates enrol nothing; null for now.</summary>
    public DateTimeOffset? OpensAt { get; init; }

    /// <summary>From then on they enrol nothing; at most a year later.</summary>
    public required DateTimeOffset ClosesAt { get; init; }
}

/// <summary>A production batch, whose claim certificates enrol so many devices in a window of time.</summary>
public record BatchSummary
{
    /// <summary>The batch's name.</summary>
    public required string Id { get; init; }

    /// <summary>The enrolment group its devices come into.</summary>
    public required string Group { get; init; }

    /// <summary>Devices it may enrol in all.</summary>
    public required int Quota { get; init; }

    /// <summary>How many it has.</summary>
    public required int Used { get; init; }

    /// <summary>When its window opens.</summary>
    public required DateTimeOffset OpensAt { get; init; }

    /// <summary>When it closes.</summary>
    public required DateTimeOffset ClosesAt { get; init; }

    /// <summary>When it was revoked; null while it is not.</summary>
    public DateTimeOffset? RevokedAt { get; init; }
}

/// <summary>A batch with its claim certificates.</summary>
public sealed record BatchDetails : BatchSummary
{
    /// <summary>Newest first.</summary>
    public required IReadOnlyList<CertificateSummary> Certificates { get; init; }
}

/// <summary>A claim certificate just issued.</summary>
public sealed record IssuedClaim
{
    /// <summary>The batch it is for.</summary>
    public required string Batch { get; init; }

    /// <summary>The serial number, lower-case hex.</summary>
    public required string Serial { get; init; }

    /// <summary>End of its validity: that of the batch's window.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>The certificate and its authority's, PEM: what a device sends.</summary>
    public required string CertificatePem { get; init; }

    /// <summary>The root that the device has to believe, PEM.</summary>
    public required string RootPem { get; init; }
}

/// <summary>Body of <c>POST /manufacturers</c>.</summary>
public sealed record RegisterManufacturerRequest
{
    /// <summary>For people.</summary>
    public required string Name { get; init; }

    /// <summary>The enrolment group its devices come into.</summary>
    public required string Group { get; init; }

    /// <summary>The authority that signs its device identities, PEM.</summary>
    public required string CertificatePem { get; init; }
}

/// <summary>Body of <c>POST /manufacturers/{id}/proof</c>.</summary>
public sealed record ManufacturerProof
{
    /// <summary>A certificate whose common name is the challenge, signed by the authority's key, PEM.</summary>
    public required string CertificatePem { get; init; }
}

/// <summary>A manufacturer whose device identities (IEEE 802.1AR) enrol into a group.</summary>
public sealed record ManufacturerSummary
{
    /// <summary>SHA-256 of its authority's certificate, lower-case hex.</summary>
    public required string Id { get; init; }

    /// <summary>For people.</summary>
    public required string Name { get; init; }

    /// <summary>The enrolment group its devices come into.</summary>
    public required string Group { get; init; }

    /// <summary>Whether the proof has come, so that its devices enrol.</summary>
    public required bool Registered { get; init; }

    /// <summary>While the proof is awaited: what must be the common name of a certificate that the authority's key signs.</summary>
    public string? Challenge { get; init; }

    /// <summary>The authority's certificate, PEM.</summary>
    public required string CertificatePem { get; init; }
}

/// <summary>A request for a certificate that waits for an operator.</summary>
public sealed record PendingRequest
{
    /// <summary>What it is approved or rejected by.</summary>
    public required string Id { get; init; }

    /// <summary><c>waiting</c>, <c>approved</c> or <c>rejected</c>.</summary>
    public required string State { get; init; }

    /// <summary>The device it would become.</summary>
    public required string DeviceId { get; init; }

    /// <summary>The group it would come into.</summary>
    public required string Group { get; init; }

    /// <summary>SHA-256 of its public key, lower-case hex: what to compare with what the device shows.</summary>
    public required string KeyFingerprint { get; init; }

    /// <summary>The token or batch it came by.</summary>
    public string? Credential { get; init; }

    /// <summary>What its maker calls it.</summary>
    public string? HardwareSerial { get; init; }

    /// <summary>Where it came from.</summary>
    public string? Origin { get; init; }

    /// <summary>What else it showed.</summary>
    public string? Evidence { get; init; }

    /// <summary>When it asked first.</summary>
    public required DateTimeOffset AskedAt { get; init; }

    /// <summary>When it asked last, to the minute.</summary>
    public required DateTimeOffset LastAskedAt { get; init; }

    /// <summary>Who decided.</summary>
    public string? DecidedBy { get; init; }
}

/// <summary>What became of one row of an import: a line of the answer of <c>POST /import</c>.</summary>
public sealed record ImportedRow
{
    /// <summary>Its place in the file, from 1, a heading not counted.</summary>
    public required long Row { get; init; }

    /// <summary>The device it names.</summary>
    public string? Id { get; init; }

    /// <summary><c>registered</c>, <c>updated</c>, <c>unchanged</c>, <c>listed</c>, <c>invalid</c> or <c>conflict</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>What is wrong with it.</summary>
    public string? Problem { get; init; }
}
