namespace IoTFleet.Fleet.Telemetry;

/// <summary>One message of a device.</summary>
public sealed record TelemetryPoint(
    string DeviceId, string Stream, ReadOnlyMemory<byte> Body, DateTimeOffset Time, DateTimeOffset ReceivedAt, long? Sequence = null);
