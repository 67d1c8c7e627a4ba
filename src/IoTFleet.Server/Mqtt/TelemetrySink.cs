using System.Globalization;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Quarantine;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>A device's telemetry goes to the ingest, and its commit is what the broker's acknowledgement waits for.</summary>
internal sealed class TelemetrySink(PayloadReader payloads, PayloadQuarantine quarantine, TelemetryIngest ingest) : IDeviceTopic
{
    private const string SequenceProperty = "seq";

    public string Level => "telemetry";

    /// <param name="below"><c>devices/{id}/telemetry</c> is the unnamed stream, <c>devices/{id}/telemetry/a/b</c> the stream <c>a/b</c>.</param>
    public ValueTask<Acceptance> AcceptAsync(Message message, string deviceId, string below, CancellationToken cancellationToken)
    {
        var arrival = new Arrival(deviceId, below, message.Payload, message.Properties.ContentType, message.ReceivedAt, SequenceOf(message));
        if (!payloads.TryRead(arrival, out var readings, out var problem))
        {
            quarantine.Add(arrival, problem);
            return ValueTask.FromResult(Acceptance.Refused(ReasonCode.PayloadFormatInvalid, problem.Detail, problem.Code));
        }

        if (message.Qos == QualityOfService.AtMostOnce)
        {
            ingest.TryAccept(readings);     // nobody waits for it, so it does not slow the socket either
            return ValueTask.FromResult(Acceptance.Done);
        }

        return StoreAsync(readings, cancellationToken);
    }

    private async ValueTask<Acceptance> StoreAsync(TelemetryMessage readings, CancellationToken cancellationToken) =>
        new(ReasonCode.Success, await ingest.AcceptAsync(readings, cancellationToken));

    private static long? SequenceOf(Message message)
    {
        foreach (var property in message.Properties.UserProperties)
        {
            if (property.Name == SequenceProperty && long.TryParse(property.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)) return sequence;
        }

        return null;
    }
}
