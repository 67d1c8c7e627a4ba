using IoTFleet.Broker.Sessions;

namespace IoTFleet.Broker.Routing;

/// <summary>Takes a message to the sessions that subscribed to it. What it costs depends on the receivers, not on the fleet.</summary>
internal sealed class Router(SubscriptionTree tree, RetainedMessages retained, IBrokerStore store, RefusalLog refusals, BrokerMetrics metrics)
{
    [ThreadStatic]
    private static Receivers? _spare;

    private readonly Lock _gate = new();

    /// <summary>Gives the message out, or appends to the store what must be there before anybody may get it.</summary>
    /// <param name="atOnce">False when an earlier message of the same publisher still waits for the store: then this one waits behind it.</param>
    /// <param name="reach">Whom it was given to; nobody yet, when there is something to wait for.</param>
    /// <param name="also">What becomes durable together with the deliveries.</param>
    /// <returns>What to deliver when it is stored; null when nothing is left to do.</returns>
    public StoreUnit? Route(Message message, bool atOnce, out Reach reach, StoreChange? also = null)
    {
        reach = Reach.Nobody;
        var receivers = _spare ?? new Receivers();
        _spare = null;
        try
        {
            if (message.Retain) return Retain(message, receivers, also);
            tree.Match(message.Topic, receivers.Subscriptions, receivers.Groups);
            if (!atOnce || also is not null || receivers.MustStore(message)) return Append(message, receivers, new StoreUnit(also));
            reach = Deliver(message, receivers);
            return null;
        }
        finally
        {
            receivers.Clear();      // a thread that routes nothing for a while must not keep ended sessions and their queues alive
            if (receivers.IsWorthKeeping) _spare = receivers;
        }
    }

    /// <summary>
    /// From here on the session gets what is published; before that, if it wants them, the retained messages. Under the gate that a retained message
    /// passes, too: each such message is either older than the subscription, and comes as retained, or newer, and comes as published, behind the older.
    /// </summary>
    public void Subscribe(Subscription subscription, bool wantsRetained, StoreUnit unit)
    {
        lock (_gate)
        {
            foreach (var message in wantsRetained ? retained.Matching(subscription.Request.Filter) : [])
            {
                if (!IsOwn(message, subscription)) GiveRetained(subscription.Session, message, Delivery.OfRetained(subscription, message), unit);
            }

            tree.Add(subscription);
        }
    }

    /// <summary>Shared messages that a lost member leaves: each goes to another member of its group, in their order; stored together with its going.</summary>
    public void HandOver(IReadOnlyList<Undelivered> undelivered, StoreUnit unit)
    {
        foreach (var (message, filter) in undelivered)
        {
            if (tree.Group(filter) is { } group) Give(message, group, unit);     // no group any more: nobody subscribes
        }
    }

    /// <summary>The retained messages of an earlier process; those that have expired meanwhile, or have no room any more, go from the store, too.</summary>
    public void Restore(IReadOnlyList<Message> stored, DateTimeOffset now)
    {
        var unit = new StoreUnit();
        foreach (var message in stored)
        {
            if (message.IsExpired(now) || retained.Keep(message) is not null) unit.Add(new StoreChange.RetainedRemoved(message.Topic));
        }

        unit.AppendTo(store);
    }

    /// <summary>Kept, given out and appended in one go: memory and store agree which message is the topic's last.</summary>
    private StoreUnit Retain(Message message, Receivers receivers, StoreChange? also)
    {
        var unit = new StoreUnit(also);
        string? exceeded;
        lock (_gate)
        {
            exceeded = retained.Keep(message);
            if (exceeded is null) unit.Add(message.Payload.IsEmpty ? new StoreChange.RetainedRemoved(message.Topic) : new StoreChange.RetainedSet(message));
            tree.Match(message.Topic, receivers.Subscriptions, receivers.Groups);
            Append(message, receivers, unit);
        }

        if (exceeded is not null) refusals.Record(RefusalDoor.Publish, "retained-full", message.Publisher, null, $"Topic {message.Topic.Value} was published but not retained: {exceeded} is reached.");
        return unit;
    }

    private StoreUnit Append(Message message, Receivers receivers, StoreUnit unit)
    {
        foreach (var (subscription, identifiers) in receivers.OncePerSession(message))
        {
            unit.Add(subscription.Session, message, Delivery.To(subscription, message, identifiers));
        }

        foreach (var group in receivers.Groups) Give(message, group, unit);
        unit.AppendTo(store);
        return unit;
    }

    private Reach Deliver(Message message, Receivers receivers)
    {
        var reach = Reach.Nobody;
        foreach (var (subscription, identifiers) in receivers.OncePerSession(message))
        {
            reach += subscription.Session.Deliver(message, Delivery.To(subscription, message, identifiers));
        }

        foreach (var group in receivers.Groups) reach += Give(message, group, unit: null);
        return reach;
    }

    private Reach Give(Message message, SharedGroup group, StoreUnit? unit)
    {
        if (!group.TryGive(message, unit, out var reach)) metrics.Dropped(DropReason.NoMember);
        return reach;
    }

    /// <summary>The session holds back what it is given now, so nothing leaves before SUBACK; what is to be stored leaves when it is.</summary>
    private static void GiveRetained(Session session, Message message, Delivery delivery, StoreUnit unit)
    {
        if (session.MustStore(delivery)) unit.Add(session, message, delivery);
        else session.Deliver(message, delivery);
    }

    internal static bool IsOwn(Message message, Subscription subscription) =>
        subscription.Request.NoLocal && message.Publisher == subscription.Session.ClientId;        // [MQTT-3.8.3-3]
}

/// <summary>A message that its receiver will not finish with, and the shared subscription it came by.</summary>
internal readonly record struct Undelivered(Message Message, Mqtt.Topics.TopicFilter Shared);
