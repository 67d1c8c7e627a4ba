namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>
/// How a database takes telemetry; one implementation for each database. A batch is appended to a log, which costs one row and one flush
/// however many messages it holds, and is acknowledged then. The <see cref="TelemetryMerger"/> brings it to the table behind, in large sorted batches.
/// </summary>
public interface ITelemetryStore
{
    /// <summary>Durable when it completes. Tried again with the same id it changes nothing, so a commit whose outcome is unknown can be repeated. One call at a time.</summary>
    Task AppendAsync(LogEntry entry, CancellationToken ct);

    /// <summary>This node's entries whose id is beyond one, in order.</summary>
    Task<IReadOnlyList<LogEntry>> ReadLogAsync(long beyond, int limit, CancellationToken ct);

    /// <summary>Takes away this node's entries up to an id. What is not taken away is read and merged again, which changes nothing.</summary>
    Task ForgetLogAsync(long upTo, CancellationToken ct);

    /// <summary>
    /// Brings everything of the slice to the tables in one transaction; rows that are there already stay as they are. Durable, with all slices before it, when
    /// it completes for a slice that is <see cref="MergeSlice.Done"/>, because the log is forgotten then; until then the log is the truth. One call at a time.
    /// </summary>
    Task MergeAsync(MergeSlice slice, CancellationToken ct);

    /// <summary>Takes away whole stretches of time, where the database keeps them apart, of which no device's readings are to be kept; none in which an hour waits for its rollup.</summary>
    /// <param name="timeUs">Of no device are readings to be kept that are older.</param>
    /// <param name="ct">Ends it.</param>
    Task<DroppedReadings> DropBeforeAsync(long timeUs, CancellationToken ct) => Task.FromResult(new DroppedReadings(0, timeUs));
}

/// <param name="Readings">How many went, about.</param>
/// <param name="BeforeUs">What is older is to be deleted reading by reading; what is not goes with its stretch of time, later.</param>
public readonly record struct DroppedReadings(long Readings, long BeforeUs);

/// <param name="Id">The id of its first reading; the readings are numbered on from there.</param>
/// <param name="Count">How many readings it holds.</param>
/// <param name="Data">Its messages, as <see cref="LogFormat"/> writes them.</param>
public sealed record LogEntry(long Id, int Count, ReadOnlyMemory<byte> Data);

/// <summary>Some devices' share of what is merged.</summary>
/// <param name="Rows">Sorted by device, time and id.</param>
/// <param name="Devices">The new state of their devices.</param>
/// <param name="Stale">The hours they touch.</param>
/// <param name="Done">With the last slice: everything up to this id is merged. Null before.</param>
public sealed record MergeSlice(
    IReadOnlyList<TelemetryRow> Rows, IReadOnlyList<TelemetryDevice> Devices, IReadOnlyList<StaleHour> Stale, TelemetryNode? Done);
