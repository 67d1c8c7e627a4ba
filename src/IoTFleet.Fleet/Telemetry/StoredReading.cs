namespace IoTFleet.Fleet.Telemetry;

/// <summary>One reading, as it is found again.</summary>
/// <param name="DeviceId">Who sent it.</param>
/// <param name="Stream">Which of its streams; empty for the unnamed one.</param>
/// <param name="TimeUs">What the device says, or when it arrived; microseconds since 1970.</param>
/// <param name="Id">Tells readings of one time apart, and rises in the order of storing.</param>
/// <param name="ReceivedUs">When it arrived; microseconds since 1970.</param>
/// <param name="Sequence">The publisher's own number, if it gave one.</param>
/// <param name="ContentType">Null for a JSON object in UTF-8; otherwise what the raw body is.</param>
/// <param name="Body">As received, or what was made of it at the door.</param>
public sealed record StoredReading(
    string DeviceId, string Stream, long TimeUs, long Id, long ReceivedUs, long? Sequence, string? ContentType, ReadOnlyMemory<byte> Body)
{
    public DateTimeOffset Time => EpochTime.FromMicroseconds(TimeUs);

    public DateTimeOffset ReceivedAt => EpochTime.FromMicroseconds(ReceivedUs);
}
