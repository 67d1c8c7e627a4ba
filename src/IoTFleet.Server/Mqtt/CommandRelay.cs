using System.Text.Json;
using IoTFleet.Broker;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Mqtt;

/// <summary>Publishes an operator's command to its device at QoS 1.</summary>
internal sealed class CommandRelay(MqttBroker broker, TimeProvider clock)
{
    /// <returns>True when the device's session took it; false when it has none, so that the command is not waiting for it either.</returns>
    public bool Send(string deviceId, string name, JsonElement payload) => broker.Publish(new Message
    {
        Topic = TopicName.Parse($"devices/{deviceId}/commands/{name}"),
        Payload = JsonSerializer.SerializeToUtf8Bytes(payload, Api.ApiJson.Default.JsonElement),
        Qos = QualityOfService.AtLeastOnce,
        ReceivedAt = clock.GetUtcNow(),
    }) > 0;
}
