namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>What arrived: one MQTT message on a telemetry topic.</summary>
/// <param name="DeviceId">Who sent it.</param>
/// <param name="Stream">Which of its streams; empty for the unnamed one.</param>
/// <param name="Body">The payload. Not copied: the caller leaves it alone until the message is stored.</param>
/// <param name="ContentType">What MQTT 5 says that it is.</param>
/// <param name="ReceivedAt">When it arrived.</param>
/// <param name="Sequence">The publisher's own number in the user property <c>seq</c>, if it gave one.</param>
public readonly record struct Arrival(
    string DeviceId, string Stream, ReadOnlyMemory<byte> Body, string? ContentType, DateTimeOffset ReceivedAt,
    long? Sequence = null);
