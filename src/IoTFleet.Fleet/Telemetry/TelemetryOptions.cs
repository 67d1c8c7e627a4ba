using IoTFleet.Fleet.Telemetry.Retention;

namespace IoTFleet.Fleet.Telemetry;

public sealed record TelemetryOptions
{
    public const int MaxCapacity = 1_000_000;

    /// <summary>Messages waiting to be stored; when full, whoever brings one more waits, and so do the devices behind it. At QoS 0 it is dropped instead.</summary>
    public int Capacity { get; init; } = 10_000;

    /// <summary>Messages stored in one commit, at most.</summary>
    public int MaxBatch { get; init; } = 4_000;

    /// <summary>How long messages gather for the next commit while they come fast, so that several share it. One that comes alone never waits.</summary>
    public TimeSpan GatherFor { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>Of each device's last messages, by how many it is known whether one comes again. More than a device may have in flight.</summary>
    public int RepeatWindow { get; init; } = 128;

    /// <summary>How long a message stays in the log before it is brought to the tables; readers find it at once in any case.</summary>
    public TimeSpan MergeEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Readings in the log that are brought to the tables without waiting for <see cref="MergeEvery"/>.</summary>
    public int MergeReadings { get; init; } = 100_000;

    /// <summary>What the log may hold in memory until it is merged, in megabytes; beyond, storing waits for the merge.</summary>
    public int MaxTailMegabytes { get; init; } = 256;

    /// <summary>How often rollups are brought up to date.</summary>
    public TimeSpan RollUpEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>An hour that still goes on is rolled up only after so long without a new reading.</summary>
    public TimeSpan RollUpQuiet { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How often what is not to be kept any more is deleted.</summary>
    public TimeSpan PruneEvery { get; init; } = TimeSpan.FromHours(1);

    /// <summary>What is kept of devices whose enrolment group has no rule of its own.</summary>
    public RetentionRule Retention { get; init; } = new();

    /// <summary>What is kept of the devices of an enrolment group.</summary>
    public IReadOnlyDictionary<string, RetentionRule> RetentionOf { get; init; } = new Dictionary<string, RetentionRule>();

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check(nameof(Capacity), Capacity, 1, MaxCapacity);
        Check(nameof(MaxBatch), MaxBatch, 1, Capacity);
        Check(nameof(RepeatWindow), RepeatWindow, 1, 10_000);
        Check(nameof(MergeReadings), MergeReadings, 1, 10_000_000);
        Check(nameof(MaxTailMegabytes), MaxTailMegabytes, 1, 100_000);
        Check(nameof(GatherFor), GatherFor, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
        Check(nameof(MergeEvery), MergeEvery, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(10));
        Check(nameof(RollUpEvery), RollUpEvery, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Check(nameof(PruneEvery), PruneEvery, TimeSpan.FromSeconds(1), TimeSpan.FromDays(7));
        Retention.Validate(nameof(Retention));
        foreach (var (group, rule) in RetentionOf) rule.Validate($"{nameof(RetentionOf)}:{group}");
        Check(nameof(RollUpQuiet), RollUpQuiet, TimeSpan.Zero, TimeSpan.FromHours(1));
    }

    private static void Check(string setting, TimeSpan value, TimeSpan min, TimeSpan max)
    {
        if (value < min || value > max) throw new ArgumentException($"Telemetry:{setting} must be between {min} and {max}, but is {value}.");
    }

    private static void Check(string setting, int value, int min, int max)
    {
        if (value < min || value > max) throw new ArgumentException($"Telemetry:{setting} must be between {min} and {max}, but is {value}.");
    }
}
