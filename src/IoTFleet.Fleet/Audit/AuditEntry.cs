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
}
