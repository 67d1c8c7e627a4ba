using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

// The retained messages that its subscriptions are owed and that there is no room for yet: known by reference, so that very many may be owed to a slow client.
internal sealed partial class Session
{
    private Dictionary<TopicFilter, (Subscription Subscription, Queue<Message> Messages)>? _owed;     // null for nearly all

    public bool IsOwed => Volatile.Read(ref _owed) is not null;

    /// <summary>Less than its queue holds, so that what is published meanwhile still finds a place.</summary>
    public bool HasRoomForRetained
    {
        get
        {
            lock (_gate) return HasRoomForRetained_NeedsGate;
        }
    }

    private bool HasRoomForRetained_NeedsGate =>
        !_ended && _outbox is { HasRoom: true }
        && _queue.Waiting < Math.Min(parts.Options.MaxInFlight, parts.Options.MaxQueuedPerSession)
        && _held.Count < Math.Min(parts.Options.MaxInFlight, parts.Options.MaxOutboxPackets / 2);

    /// <summary>From now on; an earlier debt of the same filter is settled by this one.</summary>
    public void Owe(Subscription subscription, Queue<Message> messages)
    {
        lock (_gate)
        {
            Forgive_NeedsGate(subscription.Request.Filter);
            if (messages.Count == 0) return;
            var owed = _owed ?? [];
            if (owed.Values.Sum(other => other.Messages.Count) + messages.Count > parts.Options.MaxRetainedMessages)
            {
                Dropped(DropReason.QueueFull);
                return;
            }

            owed.Add(subscription.Request.Filter, (subscription, messages));
            Volatile.Write(ref _owed, owed);
        }
    }

    /// <returns>False when nothing is owed, or there is no room for it now.</returns>
    public bool TryTakeOwed([NotNullWhen(true)] out Subscription? subscription, [NotNullWhen(true)] out Message? message)
    {
        lock (_gate)
        {
            (subscription, message) = (null, null);
            if (_owed is null || !HasRoomForRetained_NeedsGate) return false;
            (subscription, var messages) = _owed.Values.First();
            message = messages.Dequeue();
            if (messages.Count == 0) Forgive_NeedsGate(subscription.Request.Filter);
            return true;
        }
    }

    private void Forgive_NeedsGate(TopicFilter filter)
    {
        if (_owed?.Remove(filter) == true && _owed.Count == 0) Volatile.Write(ref _owed, null);
    }
}
