namespace IoTFleet.Api;

/// <summary>The values of <see cref="RuleSettings.Kind"/>.</summary>
public static class RuleKindNames
{
    /// <summary>A value beyond a limit.</summary>
    public const string Threshold = "threshold";

    /// <summary>A value that changes too fast.</summary>
    public const string Rate = "rate";

    /// <summary>Nothing is heard.</summary>
    public const string Silence = "silence";
}

/// <summary>Body of <c>PUT /rules/{id}</c>: everything an operator decides about a rule. What is left out is as in a new rule.</summary>
public record RuleSettings
{
    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>One of <see cref="RuleKindNames"/>.</summary>
    public string Kind { get; set; } = RuleKindNames.Threshold;      // set: left out of JSON, an init property is null instead of its default

    /// <summary><c>info</c>, <c>warning</c> or <c>critical</c>.</summary>
    public string Severity { get; set; } = "warning";

    /// <summary>Whether it watches.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>The enrolment group whose devices it watches; null for any.</summary>
    public string? Group { get; init; }

    /// <summary>Only these devices; empty for all of the group.</summary>
    public IReadOnlyList<string> Devices { get; set; } = [];

    /// <summary>Only readings of this stream, empty for the unnamed one; null for any.</summary>
    public string? Stream { get; init; }

    /// <summary>The metric's flattened name; null for a silence of the device as a whole.</summary>
    public string? Metric { get; init; }

    /// <summary>Which side of the limit is beyond it: <c>above</c>, <c>below</c>, or for rates <c>either</c>.</summary>
    public string Direction { get; set; } = "above";

    /// <summary>Beyond it an alert opens; of a rate, by the minute.</summary>
    public double? Limit { get; init; }

    /// <summary>At it, or on its good side, an alert closes; null for the limit itself.</summary>
    public double? ClearLimit { get; init; }

    /// <summary>For how long it must be so.</summary>
    public int ForSeconds { get; init; }

    /// <summary>Of a rate: readings closer together than this are not compared.</summary>
    public int OverSeconds { get; init; }

    /// <summary>Webhooks that are told.</summary>
    public IReadOnlyList<string> Webhooks { get; set; } = [];

    /// <summary>Whether services are told by MQTT.</summary>
    public bool Mqtt { get; set; } = true;
}

/// <summary>Body of <c>POST /rules</c>.</summary>
public sealed record CreateRuleRequest : RuleSettings
{
    /// <summary>The rule's name, of the grammar of a device id.</summary>
    public required string Id { get; init; }
}

/// <summary>A rule.</summary>
public sealed record RuleDetails : RuleSettings
{
    /// <summary>The rule's name.</summary>
    public required string Id { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was last changed.</summary>
    public required DateTimeOffset ChangedAt { get; init; }
}

/// <summary>Body of <c>POST /alerts/{id}/acknowledge</c> and <c>/close</c>.</summary>
public sealed record AlertNote
{
    /// <summary>What there is to say.</summary>
    public string? Note { get; init; }
}

/// <summary>An alert: a rule that applied to a device.</summary>
public sealed record AlertDetails
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>Rises with each change.</summary>
    public required int Version { get; init; }

    /// <summary><c>open</c>, <c>acknowledged</c> or <c>closed</c>.</summary>
    public required string State { get; init; }

    /// <summary>The rule.</summary>
    public required string Rule { get; init; }

    /// <summary>One of <see cref="RuleKindNames"/>.</summary>
    public required string Kind { get; init; }

    /// <summary><c>info</c>, <c>warning</c> or <c>critical</c>.</summary>
    public required string Severity { get; init; }

    /// <summary>The device.</summary>
    public required string DeviceId { get; init; }

    /// <summary>The device's group when it opened.</summary>
    public required string Group { get; init; }

    /// <summary>Since when it was so: by the device's time, or when a silent one was last heard.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>When it opened.</summary>
    public required DateTimeOffset OpenedAt { get; init; }

    /// <summary>The value that opened it, or the rate by the minute; null for silence.</summary>
    public double? Value { get; init; }

    /// <summary>In words.</summary>
    public required string Detail { get; init; }

    /// <summary>When somebody had seen it.</summary>
    public DateTimeOffset? AcknowledgedAt { get; init; }

    /// <summary>Who had.</summary>
    public string? AcknowledgedBy { get; init; }

    /// <summary>What was said about it.</summary>
    public string? Note { get; init; }

    /// <summary>When it closed.</summary>
    public DateTimeOffset? ClosedAt { get; init; }

    /// <summary>Who closed it; <c>system</c> when it closed by itself.</summary>
    public string? ClosedBy { get; init; }

    /// <summary><c>cleared</c>, <c>operator</c> or <c>not-watched</c>.</summary>
    public string? CloseReason { get; init; }
}
