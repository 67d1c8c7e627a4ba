using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>One stored telemetry message.</summary>
public sealed record TelemetryRecord
{
    /// <summary>The device that published it.</summary>
    public required string DeviceId { get; init; }

    /// <summary>The stream: what follows <c>devices/{id}/telemetry/</c> in the topic; empty for the plain topic.</summary>
    public required string Stream { get; init; }

    /// <summary>When it was measured: the body's <c>ts</c>, or <see cref="ReceivedAt"/> without one.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>When it reached the server.</summary>
    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>The publisher's own number for the message (MQTT 5 user property <c>seq</c>); null when it sent none.</summary>
    public long? Sequence { get; init; }

    /// <summary>Null when <see cref="Body"/> is a JSON object. Otherwise what the payload is, and the body is a text: its bytes in base64.</summary>
    public string? ContentType { get; init; }

    /// <summary>The JSON object as it was received, or what CBOR or Sparkplug B became; <see cref="JsonElement.GetRawText"/> keeps each number's own digits.</summary>
    public required JsonElement Body { get; init; }
}
