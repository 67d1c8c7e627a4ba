namespace IoTFleet.Broker.Routing;

/// <summary>Takes a message to the sessions that subscribed to it. What it costs depends on the receivers, not on the fleet.</summary>
internal sealed class Router(SubscriptionTree tree, RetainedMessages retained, RefusalLog refusals, BrokerMetrics metrics)
{
    [ThreadStatic]
    private static Receivers? _spare;

    private readonly Lock _gate = new();

    /// <returns>How many sessions got the message or have it queued.</returns>
    public int Route(Message message)
    {
        var receivers = _spare ?? new Receivers();
        _spare = null;
        try
        {
            if (message.Retain) KeepAndMatch(message, receivers);
            else tree.Match(message.Topic, receivers.Subscriptions, receivers.Groups);
            return Deliver(message, receivers);
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
    public void Subscribe(Subscription subscription, bool wantsRetained)
    {
        lock (_gate)
        {
            foreach (var message in wantsRetained ? retained.Matching(subscription.Request.Filter) : [])
            {
                if (!IsOwn(message, subscription)) subscription.Session.Deliver(message, Delivery.OfRetained(subscription, message));
            }

            tree.Add(subscription);
        }
    }

    /// <summary>Shared messages that a lost member leaves: each goes to another member of its group, in their order.</summary>
    public void HandOver(IReadOnlyList<Undelivered> undelivered)
    {
        foreach (var (message, filter) in undelivered)
        {
            if (tree.Group(filter) is { } group) DeliverOnce(message, group);     // no group any more: nobody subscribes
        }
    }

    private void KeepAndMatch(Message message, Receivers receivers)
    {
        string? exceeded;
        lock (_gate)
        {
            exceeded = retained.Keep(message);
            tree.Match(message.Topic, receivers.Subscriptions, receivers.Groups);
        }

        if (exceeded is not null) refusals.Record(RefusalDoor.Publish, "retained-full", message.Publisher, null, $"Topic {message.Topic.Value} was published but not retained: {exceeded} is reached.");
    }

    private int Deliver(Message message, Receivers receivers)
    {
        var reached = 0;
        foreach (var (subscription, identifiers) in receivers.OncePerSession(message))
        {
            if (subscription.Session.Deliver(message, Delivery.To(subscription, message, identifiers))) reached++;
        }

        foreach (var group in receivers.Groups)
        {
            if (DeliverOnce(message, group)) reached++;
        }

        return reached;
    }

    private bool DeliverOnce(Message message, SharedGroup group)
    {
        var taken = group.Deliver(message);
        if (!taken) metrics.Dropped();
        return taken;
    }

    internal static bool IsOwn(Message message, Subscription subscription) =>
        subscription.Request.NoLocal && message.Publisher == subscription.Session.ClientId;        // [MQTT-3.8.3-3]
}

/// <summary>A message that its receiver will not finish with, and the shared subscription it came by.</summary>
internal readonly record struct Undelivered(Message Message, Mqtt.Topics.TopicFilter Shared);
