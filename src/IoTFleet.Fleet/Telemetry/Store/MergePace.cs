namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>
/// How much of a merge is written at once, and how long it rests then. The log's flushes wait behind whatever else is on its way to the disk, so a slice
/// is so many rows as this disk takes in a moment, and most of the time is the log's.
/// </summary>
internal sealed class MergePace
{
    private const int FewestRows = 200;

    /// <summary>More would be hardly cheaper.</summary>
    internal const int MostRows = 5_000;

    /// <summary>Rests are so many times as long as what was written.</summary>
    private const int Rests = 3;

    /// <summary>What a slice is to take, at most about what an acknowledgement may be late for it.</summary>
    internal static readonly TimeSpan Aim = TimeSpan.FromMilliseconds(15);

    /// <summary>However slow the disk is, a merge must come to its end.</summary>
    internal static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(200);

    /// <summary>Of the next slice.</summary>
    internal int Rows { get; private set; } = 1_000;

    /// <param name="rows">Written.</param>
    /// <param name="took">To write them.</param>
    /// <returns>How long to rest.</returns>
    internal TimeSpan After(int rows, TimeSpan took)
    {
        var fitting = rows * Aim / Max(took, TimeSpan.FromMicroseconds(1));
        Rows = (int)Math.Clamp((Rows + fitting) / 2, FewestRows, MostRows); // halfway: one slow flush says little
        return Min(took * Rests, LongestRest);
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
