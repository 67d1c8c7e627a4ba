using IoTFleet.Pki;

namespace IoTFleet.Fleet.Certificates;

public enum RevocationOrderState { AwaitingSecondOperator, Confirmed, Cancelled }

/// <summary>A revocation of many devices that one operator asked for and another has to confirm.</summary>
public sealed class RevocationOrder
{
    public required string Id { get; init; }

    /// <summary>Whom it concerns, as it was asked for: JSON of a <see cref="RevocationTarget"/>.</summary>
    public required string Target { get; init; }
    public required RevocationReason Reason { get; init; }

    /// <summary>Devices it concerned when it was asked for; whoever confirms it says this number.</summary>
    public required int Count { get; init; }

    /// <summary>The devices that were suspended while it waits, as a JSON list; cancelling it resumes them. Null when none were.</summary>
    public string? Suspended { get; init; }
    public required RevocationOrderState State { get; init; }
    public required string RequestedBy { get; init; }
    public required DateTimeOffset RequestedAt { get; init; }
    public string? DecidedBy { get; init; }
    public DateTimeOffset? DecidedAt { get; init; }
}

/// <summary>Whom a revocation of many concerns: a device that fits everything that is given.</summary>
public sealed record RevocationTarget
{
    public string? Group { get; init; }

    /// <summary>A claim batch: the devices that were enrolled through it.</summary>
    public string? Batch { get; init; }

    /// <summary>Device ids.</summary>
    public IReadOnlyList<string>? Ids { get; init; }

    /// <summary><c>name=value</c>.</summary>
    public string? Tag { get; init; }

    /// <summary>A certificate of the device begins at this time or later.</summary>
    public DateTimeOffset? IssuedFrom { get; init; }

    /// <summary>A certificate of the device begins before this time.</summary>
    public DateTimeOffset? IssuedTo { get; init; }

    /// <summary>A certificate of the device was issued by this authority.</summary>
    public string? Authority { get; init; }

    /// <summary>Everything enrolled through one batch, and nothing else is asked: one row for each node, however many devices it has.</summary>
    internal bool IsWholeBatch => Batch is not null && this == new RevocationTarget { Batch = Batch };

    internal bool IsEmpty => this == new RevocationTarget();
}
