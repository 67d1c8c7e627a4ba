using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>What an operator decides about a rule. Each as in <see cref="Rule"/>.</summary>
public sealed record RuleSettings
{
    private const int MaxText = 200;

    public string? Description { get; init; }
    public RuleKind Kind { get; init; }
    public AlertSeverity Severity { get; init; } = AlertSeverity.Warning;
    public bool Enabled { get; init; } = true;
    public string? GroupId { get; init; }
    public IReadOnlyList<string> DeviceIds { get; init; } = [];
    public string? Stream { get; init; }
    public string? Metric { get; init; }
    public RuleDirection Direction { get; init; }
    public double? Limit { get; init; }
    public double? ClearLimit { get; init; }
    public int ForSeconds { get; init; }
    public int OverSeconds { get; init; }
    public IReadOnlyList<string> WebhookIds { get; init; } = [];
    public bool Mqtt { get; init; } = true;

    internal string? FindProblem()
    {
        if (Description is { Length: > MaxText }) return $"A description has at most {MaxText} characters.";
        if (GroupId is { } group && !DeviceName.IsValid(group)) return $"A group's name is {DeviceName.Rule}.";
        if (DeviceIds.Count > RuleLimits.MaxDevicesOfRule) return $"A rule names at most {RuleLimits.MaxDevicesOfRule} devices; use a group.";
        if (DeviceIds.FirstOrDefault(id => !DeviceName.IsValid(id)) is { } wrong) return $"'{wrong}' is not a device id.";
        if (WebhookIds.Count > RuleLimits.MaxWebhooksOfRule) return $"A rule tells at most {RuleLimits.MaxWebhooksOfRule} webhooks.";
        if (Stream is { Length: > TelemetryDbContext.MaxStreamLength }) return $"A stream has at most {TelemetryDbContext.MaxStreamLength} characters.";
        if (Metric is { } metric && (metric.Length == 0 || System.Text.Encoding.UTF8.GetByteCount(metric) > ValueReader.MaxNameBytes)) return $"A metric's name has 1 to {ValueReader.MaxNameBytes} bytes.";
        if (ForSeconds is < 0 or > RuleLimits.MaxSeconds || OverSeconds is < 0 or > RuleLimits.MaxSeconds) return "A duration is from none to 366 days.";
        return Kind == RuleKind.Silence ? FindProblemWithSilence() : FindProblemWithLimit();
    }

    private string? FindProblemWithSilence()
    {
        if (ForSeconds < 1) return "A silence needs a duration: for how long nothing was heard.";
        if (Limit is not null || ClearLimit is not null || OverSeconds != 0) return "A silence has no limit.";
        return Stream is not null && Metric is null ? "A silence is of the device, or of a metric; name the metric." : null;
    }

    private string? FindProblemWithLimit()
    {
        if (Metric is null) return "Which metric?";
        if (Limit is not { } limit || !double.IsFinite(limit)) return "A limit is needed, a number.";
        if (ClearLimit is { } clear && !IsOnTheGoodSide(clear, limit)) return "The limit at which an alert closes is on the good side of the one at which it opens.";
        if (Kind == RuleKind.Threshold) return Direction == RuleDirection.Either || OverSeconds != 0 ? "A threshold is above or below; 'either' and 'over' are for rates." : null;
        if (OverSeconds < 1) return "A rate needs the span it is taken over, at least a second.";
        return Direction == RuleDirection.Either && limit < 0 ? "A rate in either direction has a limit of zero or more." : null;
    }

    private bool IsOnTheGoodSide(double clear, double limit) => double.IsFinite(clear) && (Direction == RuleDirection.Below ? clear >= limit : clear <= limit);

    internal Rule ApplyTo(string id, DateTimeOffset createdAt, DateTimeOffset now) => new()
    {
        Id = id,
        CreatedAt = createdAt,
        ChangedAt = now,
        Description = Description,
        Kind = Kind,
        Severity = Severity,
        Enabled = Enabled,
        GroupId = GroupId,
        DeviceIds = [.. DeviceIds],
        Stream = Stream,
        Metric = Metric,
        Direction = Direction,
        Limit = Limit,
        ClearLimit = ClearLimit,
        ForSeconds = ForSeconds,
        OverSeconds = OverSeconds,
        WebhookIds = [.. WebhookIds],
        Mqtt = Mqtt,
    };
}
