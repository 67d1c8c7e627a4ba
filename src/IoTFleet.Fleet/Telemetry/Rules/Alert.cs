namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>Acknowledged: somebody has seen it, and it is still so.</summary>
public enum AlertState { Open, Acknowledged, Closed }

/// <summary>A rule that applied to a device, from then until it did no more.</summary>
public sealed class Alert
{
    public required string Id { get; init; }
    public required string RuleId { get; init; }
    public required RuleKind Kind { get; init; }
    public required AlertSeverity Severity { get; init; }
    public required string DeviceId { get; init; }

    /// <summary>The device's when it opened.</summary>
    public required string GroupId { get; init; }
    public AlertState State { get; set; }

    /// <summary>Rule and device until it closes, then null. Unique, so that there is never a second one of them.</summary>
    public string? OpenKey { get; set; }

    /// <summary>Since when it was so: by the device's time, or when a silent one was last heard.</summary>
    public required DateTimeOffset Since { get; init; }
    public required DateTimeOffset OpenedAt { get; init; }

    /// <summary>What opened it: the value, or the rate by the minute. Null for silence.</summary>
    public double? Value { get; init; }

    /// <summary>In words.</summary>
    public required string Detail { get; init; }
    public DateTimeOffset? AcknowledgedAt { get; set; }
    public string? AcknowledgedBy { get; set; }
    public string? Note { get; set; }
    public DateTimeOffset? ClosedAt { get; set; }
    public string? ClosedBy { get; set; }

    /// <summary>One of <see cref="CloseReasons"/>.</summary>
    public string? CloseReason { get; set; }

    /// <summary>Rises with each change, so that a receiver can tell which of two notices is the newer.</summary>
    public int Version { get; set; } = 1;

    internal static string KeyOf(string rule, string device) => $"{rule}/{device}";
}

/// <summary>Why an alert is closed.</summary>
public static class CloseReasons
{
    public const string Cleared = "cleared";
    public const string Operator = "operator";

    /// <summary>The rule was deleted, disabled or changed, or the device left: it is not watched by it any more.</summary>
    public const string NotWatched = "not-watched";
}
