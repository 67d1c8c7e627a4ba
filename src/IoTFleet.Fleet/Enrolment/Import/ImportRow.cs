namespace IoTFleet.Fleet.Enrolment.Import;

/// <summary>One device, or one serial number, as a file names it.</summary>
/// <param name="Row">Its place in the file, from 1, a heading not counted.</param>
/// <param name="Problem">Why it cannot be read; null when it can.</param>
public sealed record ImportRow(long Row, string? Problem = null)
{
    public string? Id { get; init; }
    public string? Serial { get; init; }
    public string? Group { get; init; }
    public string? DisplayName { get; init; }

    /// <summary>Null when the file says nothing of them.</summary>
    public IReadOnlyList<string>? Tags { get; init; }
}

/// <summary>
/// Registered: a new device. Updated: known, and something changed. Unchanged: known as the row says. Listed: a serial number without a device, put on its group's list.
/// Invalid: the row cannot be. Conflict: it contradicts what is known.
/// </summary>
public enum ImportOutcome { Registered, Updated, Unchanged, Listed, Invalid, Conflict }

public sealed record ImportRowResult(long Row, string? Id, ImportOutcome Outcome, string? Problem = null);
