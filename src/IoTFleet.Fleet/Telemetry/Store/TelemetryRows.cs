namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>One reading as stored. Clustered by device and time, so that a device's history lies together on the disk.</summary>
public sealed class TelemetryRow
{
    /// <summary>The <see cref="TelemetryDevice.Number"/> of the device.</summary>
    public required int Device { get; init; }

    /// <summary>What the device says, or when it arrived; microseconds since 1970.</summary>
    public required long TimeUs { get; init; }

    /// <summary>Rises in the order in which a node acknowledged.</summary>
    public required long Id { get; init; }

    public required long ReceivedUs { get; init; }

    /// <summary>The publisher's own number, if it gave one.</summary>
    public long? Sequence { get; init; }

    public required string Stream { get; init; }

    /// <summary>Null for a JSON object in UTF-8; otherwise what the raw body is.</summary>
    public string? ContentType { get; init; }

    public required byte[] Body { get; init; }
}

/// <summary>What the store knows of a device as a whole; one row a device, rewritten when its messages are merged.</summary>
public sealed class TelemetryDevice
{
    /// <summary>Stands for the device in the large tables, where 4 bytes a row count.</summary>
    public int Number { get; init; }

    public required string DeviceId { get; init; }

    /// <summary>When its last message arrived; microseconds since 1970.</summary>
    public long LastReceivedUs { get; set; }

    /// <summary>The newest value of each of its metrics, as <see cref="LatestValues"/> writes them.</summary>
    public byte[] Latest { get; set; } = [];

    /// <summary>By which its last messages are known again, as <see cref="RecentKeys"/> writes them.</summary>
    public byte[] Recent { get; set; } = [];
}

/// <summary>A server that stores telemetry, and how far it has merged its log.</summary>
public sealed class TelemetryNode
{
    /// <summary>The lower bits of an id: room for 17 million million readings a node.</summary>
    private const int IdBits = 44;

    /// <summary>The upper bits of the ids that this node gives, so that two nodes never give the same.</summary>
    public int Ordinal { get; init; }

    public required string Node { get; init; }

    /// <summary>Every reading with an id up to this one is in <see cref="TelemetryRow"/>; what the log has beyond is not.</summary>
    public long MergedTo { get; set; }

    /// <summary>Below all ids that a node gives.</summary>
    public static long BeforeIdsOf(int ordinal) => (long)ordinal << IdBits;

    /// <summary>Below all ids of the node that gives this one, where nodes share a log.</summary>
    public static long BeforeIdsBeside(long id) => id >> IdBits << IdBits;

    /// <summary>The first id of the next node after the one that gives this one.</summary>
    public static long EndOfIdsBeside(long id) => ((id >> IdBits) + 1) << IdBits;
}

/// <summary>A device's hour whose rollups do not hold all of its readings yet.</summary>
public sealed class StaleHour
{
    public required int Device { get; init; }

    /// <summary>Hours since 1970.</summary>
    public required int Hour { get; init; }

    /// <summary>
    /// Counts the merges that touched the hour since it was marked, whichever node's: whoever has rolled it up takes the mark away only while this is what he has seen.
    /// Of a merge it is where the count of a new mark begins, at random: a mark that was taken away and made anew must not look like the one before.
    /// </summary>
    public required long Version { get; init; }
}

/// <summary>A device's hour, minute by minute.</summary>
public sealed class MinuteRollup
{
    public required int Device { get; init; }

    /// <summary>Hours since 1970.</summary>
    public required int Hour { get; init; }

    public required byte[] Data { get; set; }
}

/// <summary>A device's day, hour by hour.</summary>
public sealed class HourRollup
{
    public required int Device { get; init; }

    /// <summary>Days since 1970.</summary>
    public required int Day { get; init; }

    public required byte[] Data { get; set; }
}
