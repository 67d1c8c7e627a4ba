namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>Threshold: a value beyond a limit. Rate: a value that changes too fast. Silence: nothing is heard.</summary>
public enum RuleKind { Threshold, Rate, Silence }

/// <summary>Which side of the limit is beyond it. Either is for rates: too fast up or down.</summary>
public enum RuleDirection { Above, Below, Either }

public enum AlertSeverity { Info, Warning, Critical }

/// <summary>What of the telemetry is to be told to somebody.</summary>
public sealed class Rule
{
    /// <summary>The rule's name, of the grammar of <see cref="Pki.DeviceName"/>: it is a level of the alerts' topic.</summary>
    public required string Id { get; init; }
    public string? Description { get; init; }
    public required RuleKind Kind { get; init; }
    public AlertSeverity Severity { get; init; } = AlertSeverity.Warning;
    public bool Enabled { get; init; } = true;

    /// <summary>The enrolment group whose devices it watches; null for any.</summary>
    public string? GroupId { get; init; }

    /// <summary>Only these devices; empty for all of the group.</summary>
    public string[] DeviceIds { get; init; } = [];

    /// <summary>Only readings of this stream, which is empty for the unnamed one; null for any.</summary>
    public string? Stream { get; init; }

    /// <summary>The flattened name. Null for a silence of the device as a whole.</summary>
    public string? Metric { get; init; }

    public RuleDirection Direction { get; init; }

    /// <summary>Of a rate: by the minute.</summary>
    public double? Limit { get; init; }

    /// <summary>An alert closes only at or on this side of it; null for the limit itself.</summary>
    public double? ClearLimit { get; init; }

    /// <summary>A value must be beyond the limit for so long, by the device's own time; nothing must have been heard for so long, by the server's.</summary>
    public int ForSeconds { get; init; }

    /// <summary>Of a rate: readings closer together than this are not compared, since their noise would be a rate.</summary>
    public int OverSeconds { get; init; }

    /// <summary>Who is told, by <see cref="Webhook.Id"/>.</summary>
    public string[] WebhookIds { get; init; } = [];

    /// <summary>Whether service clients are told by MQTT.</summary>
    public bool Mqtt { get; init; } = true;

    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ChangedAt { get; init; }
}
