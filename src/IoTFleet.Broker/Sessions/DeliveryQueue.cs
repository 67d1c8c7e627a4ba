using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Sessions;

/// <summary>QoS 1 and 2 messages that wait for a free place in flight. Full: the newest is refused, because the older ones were promised first.</summary>
internal sealed class DeliveryQueue(int capacity)
{
    private readonly Queue<(Message Message, Delivery Delivery)> _waiting = new();

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
}
