using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Sessions;

namespace IoTFleet.Broker.Routing;

/// <summary>Takes a message to the sessions that subscribed to it. What it costs depends on the receivers, not on the fleet.</summary>
internal sealed class Router(SubscriptionTree tree, RetainedMessages retained, IBrokerStore store, RefusalLog refusals, BrokerMetrics metrics)
{
    private const int PaidAtOnce = 256;         // publishers of retained messages wait for the gate meanwhile

    [ThreadStatic]
    private static Receivers? _spare;

    private readonly Lock _gate = new();

    /// <summary>Finds the receivers, and appends to the store what must be there before any of them may get the message.</summary>
    /// <param name="also">What becomes durable together with the deliveries.</param>
    /// <returns>To be delivered once it is stored, which may be now.</returns>
    public Routed Route(Message message, StoreChange? also = null)
    {
        var receivers = _spare ?? new Receivers();
        _spare = null;
        if (message.Retain) return new Routed(Retain(message, receivers, also));
        tree.Match(message.Topic, receivers.Subscriptions, receivers.Groups);
        return also is null && !receivers.MustStore(message)
            ? new Routed(this, message, receivers)
            : new Routed(Append(message, receivers, new StoreUnit(also)));
    }

    /// <summary>For what nobody stores.</summary>
    public Reach Deliver(Message message, Receivers receivers)
    {
        try
        {
            var reach = Reach.Nobody;
            foreach (var (subscription, identifiers) in receivers.OncePerSession(message))
            {
                reach += subscription.Session.Deliver(message, Delivery.To(subscription, message, identifiers));
            }

            foreach (var group in receivers.Groups) reach += Give(message, group, unit: null);
            return reach;
        }
        finally
        {
            GiveBack(receivers);
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
            var due = wantsRetained ? Due(subscription) : [];
            while (subscription.Session.HasRoomForRetained && due.TryDequeue(out var message)) GiveRetained(subscription, message, unit);
            subscription.Session.Owe(subscription, due);
            tree.Add(subscription);
        }
    }

    /// <summary>
    /// Goes on with what the session is owed. Under the same gate, so that what has been replaced meanwhile, and has come or comes as published, is not
    /// sent behind its successor.
    /// </summary>
    /// <returns>How many were looked at; none when there is no room, or no more.</returns>
    public int PayRetained(Session session, StoreUnit unit)
    {
        lock (_gate)
        {
            var taken = 0;
            for (; taken < PaidAtOnce && session.TryTakeOwed(out var subscription, out var message); taken++)
            {
                if (retained.IsCurrent(message)) GiveRetained(subscription, message, unit);
            }

            unit.AppendTo(store);
            return taken;
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

    /// <summary>A member is there: what waits for members of its groups that are away need not wait any longer.</summary>
    public void Gather(Subscription subscription)
    {
        var filter = subscription.Request.Filter;
        if (filter.ShareName is null || tree.Group(filter) is not { } group) return;

        var unit = new StoreUnit();
        foreach (var away in group.Members.Where(member => !member.Session.IsConnected)) HandOver(away.Session.TakeWaiting(filter.Equals, unit), unit);
        unit.AppendTo(store);
        unit.DeliverInTime();
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
            if (exceeded is null && !SysTopics.Holds(message.Topic)) unit.Add(message.Payload.IsEmpty ? new StoreChange.RetainedRemoved(message.Topic) : new StoreChange.RetainedSet(message));
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
        GiveBack(receivers);
        return unit;
    }

    /// <summary>A thread that routes nothing for a while must not keep ended sessions and their queues alive.</summary>
    private static void GiveBack(Receivers receivers)
    {
        receivers.Clear();
        if (receivers.IsWorthKeeping) _spare = receivers;
    }

    private Reach Give(Message message, SharedGroup group, StoreUnit? unit)
    {
        if (!group.TryGive(message, unit, out var reach)) metrics.Dropped(DropReason.NoMember);
        return reach;
    }

    private Queue<Message> Due(Subscription subscription) => new(retained.Matching(subscription.Request.Filter).Where(message => !IsOwn(message, subscription)));

    /// <summary>The session holds back what it is given before SUBACK; what is to be stored leaves when it is.</summary>
    private static void GiveRetained(Subscription subscription, Message message, StoreUnit unit)
    {
        var delivery = Delivery.OfRetained(subscription, message);
        if (subscription.Session.MustStore(delivery)) unit.Add(subscription.Session, message, delivery);
        else subscription.Session.Deliver(message, delivery);
    }

    internal static bool IsOwn(Message message, Subscription subscription) =>
        subscription.Request.NoLocal && message.Publisher == subscription.Session.ClientId;        // [MQTT-3.8.3-3]
}

/// <summary>A message on its way from its publisher to its receivers: they are found, and what must be stored is on its way, too. To be delivered once, or taken back.</summary>
internal readonly struct Routed
{
    private readonly Router? _router;
    private readonly Message? _message;
    private readonly Receivers? _receivers;
    private readonly StoreUnit? _unit;

    public Routed(Router router, Message message, Receivers receivers) => (_router, _message, _receivers) = (router, message, receivers);

    public Routed(StoreUnit unit) => _unit = unit;

    /// <summary>Completes when it may be delivered.</summary>
    public Task Stored => _unit?.Stored ?? Task.CompletedTask;

    public Reach Deliver() => _unit?.Deliver() ?? _router?.Deliver(_message!, _receivers!) ?? Reach.Nobody;

    public void TakeBack() => _unit?.TakeBack();

    /// <exception cref="Exception">It could not be stored, and is taken back.</exception>
    public async Task<Reach> DeliverWhenStoredAsync() => _unit is not null ? await _unit.DeliverWhenStoredAsync() : Deliver();
}

/// <summary>A message that its receiver will not finish with, and the shared subscription it came by.</summary>
internal readonly record struct Undelivered(Message Message, Mqtt.Topics.TopicFilter Shared);
