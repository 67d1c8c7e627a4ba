namespace IoTFleet.Api;

/// <summary>One thing that was done or refused.</summary>
public sealed record AuditRecord
{
    /// <summary>The row's number; newer ones are larger.</summary>
    public required long Id { get; init; }

    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>What kind of actor: <c>System</c>, <c>Operator</c>, <c>Device</c> or <c>Enrolling</c>.</summary>
    public required string ActorKind { get; init; }

    /// <summary>Who.</summary>
    public required string Actor { get; init; }

    /// <summary>What was asked for, such as <c>device.revoke</c>.</summary>
    public required string Action { get; init; }

    /// <summary>What it was asked for: a device, a token, a key.</summary>
    public required string Subject { get; init; }

    /// <summary><c>done</c>, or the code of the refusal.</summary>
    public required string Outcome { get; init; }

    /// <summary>More, for people.</summary>
    public string? Detail { get; init; }

    /// <summary>The chain it is a link of; empty for entries from before there were chains.</summary>
    public required string Chain { get; init; }

    /// <summary>Its place in the chain, from 1.</summary>
    public required long Sequence { get; init; }

    /// <summary>The link's hash.</summary>
    public required string Hash { get; init; }
}

/// <summary>What <c>GET /audit</c> is asked for; null does not filter.</summary>
public sealed record AuditQuery
{
    /// <summary>Only entries about it.</summary>
    public string? Subject { get; init; }

    /// <summary>Only this action; with a dot at the end, all that begin so.</summary>
    public string? Action { get; init; }

    /// <summary>Only with this outcome.</summary>
    public string? Outcome { get; init; }

    /// <summary>Only by this actor.</summary>
    public string? Actor { get; init; }

    /// <summary>Not before.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Before.</summary>
    public DateTimeOffset? To { get; init; }
}

/// <summary>A place in a chain of audit entries and the hash that belongs there.</summary>
public sealed record AuditAnchor
{
    /// <summary>The chain: a node's name.</summary>
    public required string Chain { get; init; }

    /// <summary>The place.</summary>
    public required long Sequence { get; init; }

    /// <summary>The hash.</summary>
    public required string Hash { get; init; }
}

/// <summary>What a walk through the audit chains found.</summary>
public sealed record AuditVerification
{
    /// <summary>Entries that are links of a chain.</summary>
    public required long Entries { get; init; }

    /// <summary>Entries from before there were chains; nothing protects them.</summary>
    public required long Older { get; init; }

    /// <summary>The end of each chain. Keep them elsewhere: a later verification can be held to them.</summary>
    public required IReadOnlyList<AuditAnchor> Heads { get; init; }

    /// <summary>Where a chain is broken, at most a hundred; empty when all is sound.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}
