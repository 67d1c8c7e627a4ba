using System.Globalization;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// A device's telemetry goes to the ingest, and its commit is what the broker's acknowledgement waits for. Other topics are not stored, and neither is
/// what a service publishes, even on a device's telemetry topic: the store holds what devices have signed for.
/// </summary>
internal sealed class TelemetrySink(TelemetryIngest ingest) : IMessageSink
{
    private const string SequenceProperty = "seq";

    public ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken)
    {
        if (publisher is not DevicePrincipal || StreamOf(message.Topic.Value, publisher.ClientId) is not { } stream) return ValueTask.FromResult(Acceptance.Done);
        if (!TelemetryPayload.TryRead(publisher.ClientId, stream, message.Payload, message.ReceivedAt, SequenceOf(message), out var point, out var problem))
        {
            return ValueTask.FromResult(Acceptance.Refused(ReasonCode.PayloadFormatInvalid, problem));
        }

        return StoreAsync(point, cancellationToken);
    }

    private async ValueTask<Acceptance> StoreAsync(TelemetryPoint point, CancellationToken cancellationToken) =>
        new(ReasonCode.Success, await ingest.AcceptAsync(point, cancellationToken));

    /// <summary><c>devices/{id}/telemetry</c> is the unnamed stream, <c>devices/{id}/telemetry/a/b</c> the stream <c>a/b</c>; null for any other topic.</summary>
    private static string? StreamOf(string topic, string deviceId)
    {
        var prefix = "devices/".Length + deviceId.Length + 1;
        var rest = topic.AsSpan(prefix);
        if (rest is "telemetry") return "";
        return rest.StartsWith("telemetry/") ? rest["telemetry/".Length..].ToString() : null;
    }

    private static long? SequenceOf(Message message)
    {
        foreach (var property in message.Properties.UserProperties)
        {
            if (property.Name == SequenceProperty && long.TryParse(property.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)) return sequence;
        }

        return null;
    }
}
