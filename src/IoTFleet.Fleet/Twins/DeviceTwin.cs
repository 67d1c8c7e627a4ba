namespace IoTFleet.Fleet.Twins;

/// <summary>
/// What an operator wants of a device and what the device says of itself: two JSON documents, each with a version of its own, so that a report does not make a
/// desired document look changed. The row is made when the first of them is written; a device without one is at version 0 of <c>{}</c>.
/// </summary>
public sealed class DeviceTwin
{
    public const string Empty = "{}";

    public required string DeviceId { get; init; }

    /// <summary>Grows by one with each change of the desired document, and is never used again.</summary>
    public long DesiredVersion { get; internal set; }
    public DateTimeOffset? DesiredChangedAt { get; internal set; }

    /// <summary>Grows by one with each report that changes something.</summary>
    public long ReportedVersion { get; internal set; }
    public DateTimeOffset? ReportedAt { get; internal set; }

    /// <summary>The desired version that the device has said it has applied; 0 when it has said none.</summary>
    public long AppliedVersion { get; internal set; }

    /// <summary>Stored, because it is searched for: <see cref="AppliedVersion"/> is <see cref="DesiredVersion"/>.</summary>
    public bool InSync { get; internal set; } = true;

    /// <summary>Counts every change of the row: two nodes that change it at once do not overwrite each other.</summary>
    public long Revision { get; internal set; }

    public string Desired { get; internal set; } = Empty;
    public string Reported { get; internal set; } = Empty;

    /// <summary>The way back from the desired document to some earlier versions; see <see cref="DesiredHistory"/>.</summary>
    public string History { get; internal set; } = DesiredHistory.None;

    /// <summary>Takes a new desired document; false when it says the same.</summary>
    internal bool Want(string document, DateTimeOffset now)
    {
        var back = MergePatch.Between(document, Desired);
        if (back == Empty) return false;
        History = DesiredHistory.Push(History, DesiredVersion, back);
        (Desired, DesiredVersion, DesiredChangedAt) = (document, DesiredVersion + 1, now);
        Touch();
        return true;
    }

    /// <summary>Goes on above a version that the device has seen and this database has not: it was restored from a backup, and versions are never used again.</summary>
    internal void GoOnAbove(long seen, DateTimeOffset now)
    {
        (DesiredVersion, DesiredChangedAt, History) = (seen + 1, now, DesiredHistory.None);
        Touch();
    }

    /// <summary>Takes a report; false when it says nothing new.</summary>
    internal bool Report(string document, long? applied, DateTimeOffset now)
    {
        var changes = MergePatch.Between(Reported, document) != Empty;
        if (!changes && (applied is null || applied == AppliedVersion)) return false;
        if (changes) (Reported, ReportedVersion) = (document, ReportedVersion + 1);
        (AppliedVersion, ReportedAt) = (applied ?? AppliedVersion, now);
        Touch();
        return true;
    }

    private void Touch() => (InSync, Revision) = (AppliedVersion == DesiredVersion, Revision + 1);
}
