using System.Diagnostics.CodeAnalysis;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Makes readings of what devices send, or says why it cannot.</summary>
public sealed class PayloadReader
{
    public bool TryRead(in Arrival arrival, [NotNullWhen(true)] out TelemetryMessage? message, [NotNullWhen(false)] out Unreadable? problem)
    {
        message = null;
        problem = null;
        if (!TelemetryPayload.TryRead(arrival.DeviceId, arrival.Stream, arrival.Body, arrival.ReceivedAt, arrival.Sequence, out var point, out var detail))
        {
            problem = new Unreadable("payload-not-json", detail);
            return false;
        }

        message = new TelemetryMessage(
            arrival.DeviceId, arrival.Stream, arrival.ReceivedAt, arrival.Sequence, null, arrival.Body,
            [new Reading(point.Time, point.Time != arrival.ReceivedAt, arrival.Body)]);
        return true;
    }
}
