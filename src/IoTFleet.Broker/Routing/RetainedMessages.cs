using System.Collections.Concurrent;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Routing;

/// <summary>The last retained message of each topic, given to those who subscribe later (MQTT 5 3.3.1.3).</summary>
internal sealed class RetainedMessages(int capacity, TimeProvider clock)
{
    private static readonly TimeSpan BetweenCleanings = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<TopicName, Message> _byTopic = new();
    private int _count;         // the dictionary's own Count stops all its writers
    private long _cleanedAt;    // UTC ticks

    /// <summary>Whether this message could be kept now. Several publishers at once may pass the limit by as many.</summary>
    internal bool HasRoomFor(TopicName topic, bool isEmpty) =>
        isEmpty || _byTopic.ContainsKey(topic) || Volatile.Read(ref _count) < capacity || ForgetExpired();

    /// <summary>Keeps the message if there is room, or forgets the topic when the payload is empty [MQTT-3.3.1-6].</summary>
    /// <returns>False when there was no room.</returns>
    internal bool Keep(Message message)
    {
        if (!HasRoomFor(message.Topic, message.Payload.IsEmpty)) return false;
        if (message.Payload.IsEmpty) Forget(message.Topic);
        else AddOrReplace(message);
        return true;
    }

    internal IEnumerable<Message> Matching(TopicFilter filter)
    {
        var now = clock.GetUtcNow();
        if (!filter.HasWildcards)
        {
            return TopicName.TryParse(filter.Path, out var topic) && _byTopic.TryGetValue(topic, out var one) && !one.IsExpired(now) ? [one] : [];
        }

        return _byTopic.Where(kept => filter.Matches(kept.Key) && !kept.Value.IsExpired(now)).Select(kept => kept.Value);
    }

    private void AddOrReplace(Message message)
    {
        while (true)
        {
            if (_byTopic.TryAdd(message.Topic, message))
            {
                Interlocked.Increment(ref _count);
                return;
            }

            if (_byTopic.TryGetValue(message.Topic, out var older) && _byTopic.TryUpdate(message.Topic, message, older)) return;
        }
    }

    /// <summary>Looks through all of them, so not at each message that finds the store full.</summary>
    private bool ForgetExpired()
    {
        var now = clock.GetUtcNow();
        if (now.UtcTicks - Volatile.Read(ref _cleanedAt) < BetweenCleanings.Ticks) return false;
        Volatile.Write(ref _cleanedAt, now.UtcTicks);
        foreach (var (topic, _) in _byTopic.Where(kept => kept.Value.IsExpired(now))) Forget(topic);
        return Volatile.Read(ref _count) < capacity;
    }

    private void Forget(TopicName topic)
    {
        if (_byTopic.TryRemove(topic, out _)) Interlocked.Decrement(ref _count);
    }
}
