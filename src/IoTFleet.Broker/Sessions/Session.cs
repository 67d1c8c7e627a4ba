using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

/// <summary>What every session of one broker works with.</summary>
internal sealed record SessionParts(BrokerOptions Options, IBrokerStore Store, QueueBudget Budget, BrokerMetrics Metrics, TimeProvider Clock);

/// <summary>
/// One client's subscriptions, deliveries and inbound QoS 2 ids; it outlives the connection that serves it, and if it is durable, the process.
/// Everything in it is behind one gate, which is never held over an await; the outbox it writes to takes no lock, the store only enqueues.
/// This file holds its life and its deliveries; what the client answers is in .Answers.cs.
/// </summary>
/// <param name="number">Its name in the store, never used twice.</param>
/// <param name="durable">Whether it is stored: its expiry is above zero.</param>
internal sealed partial class Session(long number, string clientId, bool durable, SessionParts parts)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TopicFilter, Subscription> _subscriptions = [];
    private readonly DeliveryQueue _queue = new();
    private readonly Dictionary<ushort, InboundMessage> _inbound = [];
    private PacketOutbox? _outbox;
    private int _window;
    private bool _ended;
    private volatile bool _durable = durable;
    private DateTimeOffset _expiresNext = DateTimeOffset.MaxValue;

    public long Number => number;

    public string ClientId => clientId;

    public bool IsDurable => _durable;

    /// <summary>Completes when all that its ended connections published is committed and routed. Its next connection's messages come behind that.</summary>
    public Task Settled { get; private set; } = Task.CompletedTask;

    public long SentUpTo
    {
        get
        {
            lock (_gate) return _queue.SentUpTo;
        }
    }

    /// <summary>Takes in what another process had stored. What may have been on the wire is a duplicate when it is sent again.</summary>
    public void Restore(StoredSession stored)
    {
        lock (_gate)
        {
            foreach (var subscription in stored.Subscriptions) _subscriptions[subscription.Request.Filter] = new Subscription(this, subscription.Request, subscription.Identifier);
            foreach (var packetId in stored.Inbound) _inbound[packetId] = InboundMessage.Taken;
            foreach (var (delivery, index) in stored.Deliveries.Select((delivery, index) => (delivery, index)))
            {
                // Of a client that was connected, what was in flight is the first of what is left, because messages are sent in order.
                var mayHaveBeenSent = delivery.Released || (stored.ExpiresAt is null ? index < parts.Options.MaxInFlight : delivery.Order <= stored.SentUpTo);
                _queue.Restore(delivery, mayHaveBeenSent);
                parts.Budget.Take(delivery.Message.Size);
                ExpiresAt_NeedsGate(delivery.Message);
            }

            _queue.StartAfter(stored.SentUpTo);
        }
    }

    /// <summary>A connection takes the session: what was in flight is sent again first, in order, then what waits in the queue [MQTT-4.4.0-1].</summary>
    public void Attach(PacketOutbox outbox, int clientReceiveMaximum)
    {
        lock (_gate)
        {
            _outbox = outbox;
            _window = Math.Min(clientReceiveMaximum, parts.Options.MaxInFlight);
            _queue.StartAgain();
            SendDue_NeedsGate();
        }
    }

    /// <param name="settled">Completes when what this connection published is committed and routed.</param>
    public void Detach(PacketOutbox outbox, Task settled)
    {
        lock (_gate)
        {
            if (_outbox == outbox) _outbox = null;
            if (!settled.IsCompleted) Settled = Settled.IsCompleted ? settled : Task.WhenAll(Settled, settled);
        }
    }

    /// <summary>From now on it ends with its connection, so it is no longer stored.</summary>
    public void EndsWithConnection() => _durable = false;

    /// <summary>Nothing is delivered any more.</summary>
    /// <returns>What the client has not got, in order: never sent, or at QoS 1 not acknowledged. What it has begun at QoS 2 is nobody else's [MQTT-4.8.2-5].</returns>
    public IReadOnlyList<(Message Message, Delivery Delivery)> End()
    {
        lock (_gate)
        {
            _ended = true;
            var left = _queue.InOrder.ToList();
            foreach (var message in left) Remove_NeedsGate(message);
            return [.. left.Where(message => !message.Sent || message.Delivery.Qos == QualityOfService.AtLeastOnce).Select(message => (message.Message, message.Delivery))];
        }
    }

    /// <summary>Whether the delivery has to be in the store before the client may see it.</summary>
    public bool MustStore(in Delivery delivery) => _durable && delivery.Qos != QualityOfService.AtMostOnce;

    /// <summary>For what is not stored: sends now, or queues in memory.</summary>
    public Reach Deliver(Message message, Delivery delivery)
    {
        lock (_gate)
        {
            if (delivery.Qos == QualityOfService.AtMostOnce) return SendNow_NeedsGate(message, delivery) ? new Reach(1, 0) : Reach.Nobody;
            if (Queue_NeedsGate(message, delivery, stored: true) is null) return Reach.Nobody;
            SendDue_NeedsGate();
            return Reached_NeedsGate();
        }
    }

    /// <summary>First half of a delivery that is stored: takes its place and adds its row to the unit.</summary>
    /// <returns>Null when it was dropped.</returns>
    public OutboundMessage? Queue(Message message, Delivery delivery, StoreUnit unit)
    {
        lock (_gate)
        {
            if (Queue_NeedsGate(message, delivery, stored: false) is not { } queued) return null;
            unit.Add(new StoreChange.DeliveryQueued(number, queued.Order, queued.PacketId, delivery, message));
            return queued;
        }
    }

    /// <summary>Second half: its row is durable.</summary>
    public Reach Commit(OutboundMessage queued)
    {
        lock (_gate)
        {
            if (queued.Gone) return Reach.Nobody;
            queued.Stored = true;
            SendDue_NeedsGate();
            return Reached_NeedsGate();
        }
    }

    /// <summary>The second half when its row could not be stored: as if it had never come.</summary>
    public void TakeBack(OutboundMessage queued)
    {
        lock (_gate)
        {
            Remove_NeedsGate(queued);
            SendDue_NeedsGate();        // it may have held back others
        }
    }

    /// <summary>Drops what has expired while it waited [MQTT-3.3.2-5]. What was sent once stays: the client may have it half.</summary>
    public void DropExpired(DateTimeOffset now)
    {
        lock (_gate)
        {
            if (_expiresNext > now) return;
            _expiresNext = DateTimeOffset.MaxValue;
            foreach (var message in _queue.InOrder.Where(message => !message.Sent).ToList())
            {
                if (message.Stored && message.Message.IsExpired(now)) Drop_NeedsGate(message, DropReason.Expired);
                else ExpiresAt_NeedsGate(message.Message);
            }
        }
    }

    /// <returns>False when the session holds as many subscriptions as it may; <paramref name="isNew"/> tells a first subscription from a replaced one.</returns>
    public bool TryAdd(Subscription subscription, out bool isNew)
    {
        lock (_gate)
        {
            isNew = !_subscriptions.ContainsKey(subscription.Request.Filter);
            if (isNew && _subscriptions.Count >= parts.Options.MaxSubscriptionsPerSession) return false;
            _subscriptions[subscription.Request.Filter] = subscription;
            return true;
        }
    }

    public bool TryRemove(TopicFilter filter)
    {
        lock (_gate) return _subscriptions.Remove(filter);
    }

    public IReadOnlyList<Subscription> Subscriptions()
    {
        lock (_gate) return [.. _subscriptions.Values];
    }

    private bool SendNow_NeedsGate(Message message, Delivery delivery)
    {
        if (_outbox is not { } outbox) return Dropped(DropReason.NotConnected);
        if (!outbox.HasRoom) return Dropped(DropReason.OutboxFull);
        var packet = message.ToPacket(delivery, 0, duplicate: false, parts.Clock.GetUtcNow());
        if (!outbox.Fits(packet)) return Dropped(DropReason.TooLargeForClient);
        outbox.Send(packet);
        parts.Metrics.Delivered();
        return true;
    }

    /// <summary>Full, by whichever measure: the newest is refused, because the older ones were promised first.</summary>
    private OutboundMessage? Queue_NeedsGate(Message message, Delivery delivery, bool stored)
    {
        if (_ended || WhyFull_NeedsGate(message.Size) is { } reason && !Dropped(reason)) return null;
        ExpiresAt_NeedsGate(message);
        return _queue.Add(message, delivery, stored);
    }

    private DropReason? WhyFull_NeedsGate(int size)
    {
        var onItsWayAtOnce = _outbox is null ? 0 : Math.Max(0, _window - _queue.OnWire);
        if (_queue.Waiting >= parts.Options.MaxQueuedPerSession + onItsWayAtOnce) return DropReason.QueueFull;
        if (_queue.WaitingBytes + size > parts.Options.MaxQueuedBytesPerSession && _queue.Waiting > 0) return DropReason.QueueBytesFull;
        if (!_queue.HasFreeId) return DropReason.QueueFull;
        return parts.Budget.TryTake(size) ? null : DropReason.AllQueuesFull;
    }

    /// <summary>As much as the client takes now [MQTT-3.3.4-9]: first what an earlier connection left in flight, then what waits.</summary>
    private void SendDue_NeedsGate()
    {
        if (_outbox is not { } outbox) return;
        var now = parts.Clock.GetUtcNow();
        while (_queue.OnWire < _window && _queue.TryTakeUnsent(out var next)) Send_NeedsGate(outbox, next, now);
    }

    private void Send_NeedsGate(PacketOutbox outbox, OutboundMessage next, DateTimeOffset now)
    {
        if (!next.Sent && next.Message.IsExpired(now))
        {
            Drop_NeedsGate(next, DropReason.Expired);
            return;
        }

        if (!Fits_NeedsGate(outbox, next, now, out var packet))
        {
            Drop_NeedsGate(next, DropReason.TooLargeForClient);      // passed over as if it had been delivered [MQTT-3.1.2-24, -25]
            return;
        }

        if (!next.Sent) parts.Metrics.Delivered();
        _queue.PutOnWire(next);
        outbox.Send(packet);
    }

    private bool Fits_NeedsGate(PacketOutbox outbox, OutboundMessage next, DateTimeOffset now, out Packet packet)
    {
        packet = next.Released ? new PubRelPacket { PacketId = next.PacketId } : next.Message.ToPacket(next.Delivery, next.PacketId, next.Sent, now);
        try
        {
            return outbox.Fits(packet);
        }
        catch
        {
            Done_NeedsGate(next);       // no packet can hold it: it must not stand in the way for ever
            throw;
        }
    }

    private void Drop_NeedsGate(OutboundMessage message, DropReason reason)
    {
        Done_NeedsGate(message);
        Dropped(reason);
    }

    /// <summary>Written without waiting: should it be lost, the client gets the message, or its PUBREL, once more, as it is allowed to.</summary>
    private void Done_NeedsGate(OutboundMessage message)
    {
        Remove_NeedsGate(message);
        if (MustStore(message.Delivery)) Append_NeedsGate(new StoreChange.DeliveryDone(number, message.Order));
    }

    private void Remove_NeedsGate(OutboundMessage message)
    {
        if (_queue.Remove(message)) parts.Budget.Give(message.Message.Size);
    }

    private Task Append_NeedsGate(StoreChange change) => parts.Store.AppendAsync([change]);

    private Reach Reached_NeedsGate() => _outbox is null ? new Reach(0, 1) : new Reach(1, 0);

    private void ExpiresAt_NeedsGate(Message message)
    {
        if (message.ExpiresAt < _expiresNext) _expiresNext = message.ExpiresAt;
    }

    private bool Dropped(DropReason reason)
    {
        parts.Metrics.Dropped(reason);
        return false;
    }
}
