using IoTFleet.Broker;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Pki;

namespace IoTFleet.Server.Mqtt;

/// <summary>Has something for a device that begins to listen. Must not wait: all devices' subscriptions pass one after the other.</summary>
internal interface ISubscriptionWatch
{
    void Subscribed(string deviceId, IReadOnlyList<TopicFilter> filters);
}

/// <summary>Tells whoever has something for devices when one subscribes.</summary>
internal sealed class SubscriptionFeed(MqttBroker broker, IEnumerable<ISubscriptionWatch> watches) : BackgroundService
{
    private readonly ISubscriptionWatch[] _watches = [.. watches];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (clientId, filters) in broker.Subscribed.ReadAllAsync(stoppingToken))
        {
            if (!DeviceName.IsValid(clientId)) continue;        // a service
            foreach (var watch in _watches) watch.Subscribed(clientId, filters);
        }
    }
}
