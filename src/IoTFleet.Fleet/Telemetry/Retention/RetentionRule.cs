namespace IoTFleet.Fleet.Telemetry.Retention;

/// <summary>How much of a group's telemetry is kept; what is null is kept for good.</summary>
public sealed record RetentionRule
{
    private const int MaxDays = 100_000;

    /// <summary>Readings whose time is further back are deleted, once their hour is rolled up.</summary>
    public int? KeepDays { get; init; }

    /// <summary>Beyond it the oldest hours of the group's readings are deleted, once they are rolled up.</summary>
    public int? MaxMegabytes { get; init; }

    /// <summary>For how long rollups by the minute are kept.</summary>
    public int? KeepMinutesDays { get; init; }

    /// <summary>For how long rollups by the hour are kept.</summary>
    public int? KeepHoursDays { get; init; }

    internal bool KeepsAll => this is { KeepDays: null, MaxMegabytes: null, KeepMinutesDays: null, KeepHoursDays: null };

    internal void Validate(string setting)
    {
        Check(nameof(KeepDays), KeepDays, MaxDays);
        Check(nameof(KeepMinutesDays), KeepMinutesDays, MaxDays);
        Check(nameof(KeepHoursDays), KeepHoursDays, MaxDays);
        Check(nameof(MaxMegabytes), MaxMegabytes, int.MaxValue);

        void Check(string name, int? value, int max)
        {
            if (value is < 1 || value > max) throw new ArgumentException($"Telemetry:{setting}:{name} must be between 1 and {max}, but is {value}.");
        }
    }
}
