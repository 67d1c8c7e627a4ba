using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

/// <summary>QoS 1 and 2 messages that wait for a free place in flight. Full: the newest is refused, because the older ones were promised first.</summary>
internal sealed class DeliveryQueue(int capacity)
{
    private readonly Queue<(Message Message, Delivery Delivery)> _waiting = new();

    public int Count => _waiting.Count;

    public bool TryAdd(Message message, Delivery delivery)
    {
        if (_waiting.Count >= capacity) return false;
        _waiting.Enqueue((message, delivery));
        return true;
    }

    public bool TryTake([NotNullWhen(true)] out Message? message, out Delivery delivery)
    {
        var found = _waiting.TryDequeue(out var next);
        (message, delivery) = next;
        return found;
    }

    /// <summary>Takes out what came by one of these shared subscriptions; the rest keeps its order.</summary>
    public List<Undelivered> TakeShared(Predicate<TopicFilter> wanted)
    {
        List<Undelivered> taken = [];
        for (var left = _waiting.Count; left > 0; left--)
        {
            var waiting = _waiting.Dequeue();
            if (waiting.Delivery.Shared is { } shared && wanted(shared)) taken.Add(new Undelivered(waiting.Message, shared));
            else _waiting.Enqueue(waiting);
        }

        return taken;
    }
}
