using System.Text.Json;
using IoTFleet.Broker;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Mqtt;

/// <summary>Publishes an operator's command to its device.</summary>
internal sealed class CommandRelay(MqttBroker broker, TimeProvider clock)
{
    /// <returns>Whom it reached, when that is stored: a device that is connected, or one that will find it waiting.</returns>
    public Task<Reach> SendAsync(string deviceId, string name, JsonElement payload, QualityOfService qos) => broker.PublishAsync(new Message
    {
        Topic = TopicName.Parse($"devices/{deviceId}/commands/{name}"),
        Payload = JsonSerializer.SerializeToUtf8Bytes(payload, Api.ApiJson.Default.JsonElement),
        Qos = qos,
        ReceivedAt = clock.GetUtcNow(),
    });
}
