namespace IoTFleet.Fleet.Telemetry;

/// <summary>One message of a device.</summary>
/// <param name="DeviceId">Who sent it.</param>
/// <param name="Stream">Which of its streams; empty for the unnamed one.</param>
/// <param name="Body">A JSON object in UTF-8, as received. Not copied: the caller leaves it alone until the message is stored.</param>
/// <param name="Time">What the device says, or when it arrived.</param>
/// <param name="ReceivedAt">When it arrived.</param>
/// <param name="Sequence">The publisher's own number, if it gave one.</param>
public sealed record TelemetryPoint(
    string DeviceId, string Stream, ReadOnlyMemory<byte> Body, DateTimeOffset Time, DateTimeOffset ReceivedAt, long? Sequence = null);

/// <summary>A message as stored.</summary>
public sealed class TelemetryRow
{
    /// <summary>Rises in the order of storing.</summary>
    public long Id { get; init; }
    public required string DeviceId { get; init; }
    public required string Stream { get; init; }
    public required DateTimeOffset Time { get; init; }
    public required DateTimeOffset ReceivedAt { get; init; }
    public long? Sequence { get; init; }

    /// <summary>A JSON object, as received.</summary>
    public required string Body { get; init; }
}
