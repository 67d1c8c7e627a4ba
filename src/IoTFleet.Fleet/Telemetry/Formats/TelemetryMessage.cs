namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>One or more readings of one MQTT message: stored and acknowledged as one.</summary>
/// <param name="DeviceId">Who sent it.</param>
/// <param name="Stream">Which of its streams; empty for the unnamed one.</param>
/// <param name="ReceivedAt">When it arrived.</param>
/// <param name="Sequence">The publisher's own number: of the user property, else of the payload's field <c>seq</c>.</param>
/// <param name="ContentType">Null: each reading's body is one JSON object in UTF-8. Otherwise the one reading is kept raw and is of that type.</param>
/// <param name="Original">The payload as it came.</param>
/// <param name="Readings">At least one, in the payload's order.</param>
public sealed record TelemetryMessage(
    string DeviceId, string Stream, DateTimeOffset ReceivedAt, long? Sequence,
    string? ContentType, ReadOnlyMemory<byte> Original, IReadOnlyList<Reading> Readings);

/// <param name="Time">What the device says, or when the message arrived.</param>
/// <param name="HasOwnTime">The time is the device's.</param>
/// <param name="Body">One JSON object in UTF-8, or what the message's content type says.</param>
public readonly record struct Reading(DateTimeOffset Time, bool HasOwnTime, ReadOnlyMemory<byte> Body);
