using System.Collections.Concurrent;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Routing;

/// <summary>The last retained message of each topic, given to those who subscribe later (MQTT 5 3.3.1.3).</summary>
internal sealed class RetainedMessages(TimeProvider clock)
{
    private readonly ConcurrentDictionary<TopicName, Message> _byTopic = new();

    /// <summary>Keeps the message, or forgets the topic when its payload is empty [MQTT-3.3.1-6].</summary>
    internal void Keep(Message message)
    {
        if (message.Payload.IsEmpty) _byTopic.TryRemove(message.Topic, out _);
        else _byTopic[message.Topic] = message;
    }

    internal IEnumerable<Message> Matching(TopicFilter filter)
    {
        var now = clock.GetUtcNow();
        if (!filter.HasWildcards)
        {
            return TopicName.TryParse(filter.Path, out var topic) && _byTopic.TryGetValue(topic, out var one) && !one.IsExpired(now) ? [one] : [];
        }

        return _byTopic.Values.Where(message => filter.Matches(message.Topic) && !message.IsExpired(now));
    }
}
