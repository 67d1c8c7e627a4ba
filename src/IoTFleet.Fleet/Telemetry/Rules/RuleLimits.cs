namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>What bounds the rules' memory, work and words.</summary>
public static class RuleLimits
{
    public const int MaxRules = 500;
    public const int MaxWebhooks = 50;

    /// <summary>That a rule names.</summary>
    public const int MaxDevicesOfRule = 1_000;
    public const int MaxWebhooksOfRule = 10;

    /// <summary>Of a rule's duration and of a rate's span.</summary>
    public const int MaxSeconds = 366 * 24 * 3_600;

    /// <summary>Beyond, an alert is opened only when another has closed.</summary>
    public const int MaxOpenAlerts = 20_000;

    /// <summary>Messages that may wait to be judged; what comes beyond is made good by reading the newest values.</summary>
    public const int MaxWaiting = 20_000;

    /// <summary>Rule and device together, whose last value is known; about 100 bytes each. Beyond, a rule does not see further devices.</summary>
    public const int MaxStandings = 1_000_000;

    /// <summary>Alerts that one transaction changes.</summary>
    internal const int MaxChanges = 200;
}
