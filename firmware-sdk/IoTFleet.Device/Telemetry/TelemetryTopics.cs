using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Telemetry;

/// <summary>The names of a device's telemetry streams: <c>devices/{id}/telemetry[/stream]</c>.</summary>
internal sealed class TelemetryTopics(string deviceId)
{
    private readonly TopicName _unnamed = TopicName.Parse($"devices/{deviceId}/telemetry");

    public TopicName For(string? stream)
    {
        if (stream is null)
            return _unnamed;
        if (stream.Length == 0 || !TopicName.TryParse($"{_unnamed.Value}/{stream}", out var topic))
            throw new ArgumentException("A stream's name must not be empty and must not contain + # or control characters.", nameof(stream));
        return topic;
    }
}
