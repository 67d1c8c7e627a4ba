namespace IoTFleet.Fleet.Audit;

/// <summary>One thing that was done or refused. Never changed, and never holds a secret.</summary>
public sealed class AuditEntry
{
    public long Id { get; init; }
    public required DateTimeOffset At { get; init; }
    public required ActorKind ActorKind { get; init; }
    public required string ActorName { get; init; }

    /// <summary>What was asked for, such as <c>device.revoke</c>.</summary>
    public required string Action { get; init; }

    /// <summary>What it was asked for: a device id, token id or key id.</summary>
    public required string Subject { get; init; }

    /// <summary><c>done</c>, or the code of the refusal.</summary>
    public required string Outcome { get; init; }
    public string? Detail { get; init; }

    /// <summary>The chain it is a link of: each node keeps one of its own. Empty for entries older than the chains.</summary>
    public string Chain { get; set; } = "";

    /// <summary>Its place in the chain, from 1 without gaps; 0 for entries older than the chains.</summary>
    public long Sequence { get; set; }

    /// <summary>SHA-256 over the hash before it and what this entry says, lower-case hex; empty for entries older than the chains.</summary>
    public string Hash { get; set; } = "";
}

/// <summary>The newest link of a chain; written in the transaction that appends it.</summary>
public sealed class AuditHead
{
    public required string Chain { get; init; }
    public required long Sequence { get; set; }
    public required string Hash { get; set; }
}
