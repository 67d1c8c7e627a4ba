using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

/// <summary>Keeps nothing beyond the process, and completes at once. Handed to a second broker it stands for a restart.</summary>
public sealed class InMemoryBrokerStore : IBrokerStore
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<long, Kept> _sessions = [];
    private readonly SortedDictionary<long, StoredWill> _wills = [];
    private readonly Dictionary<TopicName, Message> _retained = [];

    public Task<StoredBroker> LoadAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return Task.FromResult(new StoredBroker([.. _sessions.Values.Select(session => session.ToStored())], [.. _wills.Values], [.. _retained.Values]));
        }
    }

    public Task AppendAsync(IReadOnlyList<StoreChange> changes)
    {
        lock (_gate)
        {
            foreach (var change in changes) Apply_NeedsGate(change);
        }

        return Task.CompletedTask;
    }

    private void Apply_NeedsGate(StoreChange change)
    {
        switch (change)
        {
            case StoreChange.SessionOpened opened: Open_NeedsGate(opened); break;
            case StoreChange.SessionDisconnected gone: Change_NeedsGate(gone.Session, session => session.Disconnect(gone)); break;
            case StoreChange.SessionEnded ended: _sessions.Remove(ended.Session); break;
            case StoreChange.SubscriptionSet set: Change_NeedsGate(set.Session, session => session.Subscriptions[set.Request.Filter] = new(set.Request, set.Identifier)); break;
            case StoreChange.SubscriptionRemoved removed: Change_NeedsGate(removed.Session, session => session.Subscriptions.Remove(removed.Filter)); break;
            case StoreChange.DeliveryQueued queued: Change_NeedsGate(queued.Session, session => session.Deliveries[queued.Order] = new(queued.Order, queued.PacketId, queued.Delivery, queued.Message, Released: false)); break;
            case StoreChange.DeliveryReleased released: Change_NeedsGate(released.Session, session => session.Release(released.Order)); break;
            case StoreChange.DeliveryDone done: Change_NeedsGate(done.Session, session => session.Deliveries.Remove(done.Order)); break;
            case StoreChange.InboundHeld held: Change_NeedsGate(held.Session, session => session.Inbound.Add(held.PacketId)); break;
            case StoreChange.InboundReleased released: Change_NeedsGate(released.Session, session => session.Inbound.Remove(released.PacketId)); break;
            case StoreChange.WillKept kept: _wills[kept.Will] = new StoredWill(kept.Will, kept.Session, kept.ClientId, kept.Message, kept.Delay, DueAt: null); break;
            case StoreChange.WillDelayed delayed: Delay_NeedsGate(delayed); break;
            case StoreChange.WillRemoved removed: _wills.Remove(removed.Will); break;
            case StoreChange.RetainedSet set: _retained[set.Message.Topic] = set.Message; break;
            case StoreChange.RetainedRemoved removed: _retained.Remove(removed.Topic); break;
            default: throw new InvalidOperationException($"Unknown change {change}.");
        }
    }

    private void Open_NeedsGate(StoreChange.SessionOpened opened)
    {
        if (!_sessions.TryGetValue(opened.Session, out var session)) _sessions[opened.Session] = session = new Kept(opened.Session, opened.ClientId);
        (session.Expiry, session.ExpiresAt) = (opened.Expiry, null);
    }

    private void Change_NeedsGate(long number, Action<Kept> change)
    {
        if (_sessions.TryGetValue(number, out var session)) change(session);
    }

    private void Delay_NeedsGate(StoreChange.WillDelayed delayed)
    {
        if (_wills.TryGetValue(delayed.Will, out var will)) _wills[delayed.Will] = will with { DueAt = delayed.DueAt };
    }

    private sealed class Kept(long number, string clientId)
    {
        public TimeSpan Expiry { get; set; }

        public DateTimeOffset? ExpiresAt { get; set; }

        public Dictionary<TopicFilter, StoredSubscription> Subscriptions { get; } = [];

        public SortedDictionary<long, StoredDelivery> Deliveries { get; } = [];

        public SortedSet<ushort> Inbound { get; } = [];

        private long SentUpTo { get; set; }

        public void Disconnect(StoreChange.SessionDisconnected gone) => (Expiry, ExpiresAt, SentUpTo) = (gone.Expiry, gone.ExpiresAt, gone.SentUpTo);

        public void Release(long order)
        {
            if (Deliveries.TryGetValue(order, out var delivery)) Deliveries[order] = delivery with { Released = true };
        }

        public StoredSession ToStored() => new(number, clientId, Expiry, ExpiresAt, SentUpTo, [.. Subscriptions.Values], [.. Deliveries.Values], [.. Inbound]);
    }
}
