using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

/// <summary>What a session must be able to do to be given a message.</summary>
internal enum Readiness
{
    /// <summary>Take it, now or later.</summary>
    Any,

    Connected,

    /// <summary>Connected, with nothing waiting and room in its window: it would leave at once.</summary>
    CanSend,
}

/// <summary>What every session of one broker works with.</summary>
internal sealed record SessionParts(BrokerOptions Options, IBrokerStore Store, QueueBudget Budget, BrokerMetrics Metrics, ClientSignals Signals, TimeProvider Clock);

/// <summary>
/// One client's subscriptions, deliveries and inbound QoS 2 ids; it outlives the connection that serves it, and if it is durable, the process.
/// Everything in it is behind one gate, which is never held over an await; under it the outbox's is taken for a moment, and the store only enqueues.
/// This file holds its life and its subscriptions; what it is given is in .Deliveries.cs and .Owed.cs, what its client answers in .Answers.cs.
/// </summary>
/// <param name="number">Its name in the store, never used twice.</param>
/// <param name="durable">Whether it is stored: its expiry is above zero.</param>
internal sealed partial class Session(long number, string clientId, bool durable, SessionParts parts)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TopicFilter, Subscription> _subscriptions = [];
    private readonly DeliveryQueue _queue = new();
    private readonly Dictionary<ushort, InboundMessage> _inbound = [];
    private readonly Queue<(Message Message, Delivery Delivery)> _held = new();
    private volatile PacketOutbox? _outbox;
    private int _window;
    private int _holds;
    private bool _ended;
    private volatile bool _durable = durable;
    private DateTimeOffset _expiresNext = DateTimeOffset.MaxValue;

    public long Number => number;

    public string ClientId => clientId;

    public bool IsDurable => _durable;

    public bool IsConnected => _outbox is not null;

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
            _holds = 0;
            _held.Clear();
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

    /// <summary>From here on nothing leaves, until <see cref="Resume"/>.</summary>
    public void Hold()
    {
        lock (_gate) _holds++;
    }

    /// <summary>The answer goes first, then what was held; unless the connection that asked has let go.</summary>
    public void Resume(PacketOutbox outbox, Packet answer)
    {
        lock (_gate)
        {
            outbox.Send(answer);
            if (_outbox != outbox || --_holds > 0) return;
            while (_held.TryDequeue(out var held))
            {
                if (SendNow_NeedsGate(held.Message, held.Delivery) is { } reason) Dropped(reason);
            }

            SendDue_NeedsGate();
        }
    }

    /// <summary>From now on it ends with its connection, so it is no longer stored.</summary>
    public void EndsWithConnection() => _durable = false;

    /// <summary>Takes nothing any more.</summary>
    /// <returns>The shared messages that are due to another member of their group. Not what was sent at QoS 2: its client may have it [MQTT-4.8.2-5].</returns>
    public List<Undelivered> End()
    {
        lock (_gate)
        {
            _ended = true;
            Volatile.Write(ref _owed, null);
            var left = _queue.InOrder.ToList();
            var due = left.Where(message => message.Delivery.Shared is not null && (!message.Sent || message.Delivery.Qos == QualityOfService.AtLeastOnce)).ToList();
            foreach (var message in left) Remove_NeedsGate(message);
            return due.ConvertAll(Undelivered);
        }
    }

    /// <summary>The shared messages that only waited here, of the groups that <paramref name="wanted"/> names.</summary>
    /// <param name="unit">Gets their end here, to be stored together with their new places.</param>
    public List<Undelivered> TakeWaiting(Predicate<TopicFilter> wanted, StoreUnit unit)
    {
        lock (_gate)
        {
            var taken = _queue.InOrder.Where(message => !message.Sent && message.Delivery.Shared is { } shared && wanted(shared)).ToList();
            foreach (var message in taken)
            {
                Remove_NeedsGate(message);
                if (_durable && message.Stored) unit.Add(new StoreChange.DeliveryDone(number, message.Order));     // otherwise its row is yet to come, and its end with Commit
            }

            return taken.ConvertAll(Undelivered);
        }
    }

    /// <summary>How many messages are in flight, and how many wait.</summary>
    public (int InFlight, int Waiting) Load()
    {
        lock (_gate) return (_queue.Count - _queue.Waiting, _queue.Waiting);
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
        lock (_gate)
        {
            Forgive_NeedsGate(filter);
            return _subscriptions.Remove(filter);
        }
    }

    public IReadOnlyList<Subscription> Subscriptions()
    {
        lock (_gate) return [.. _subscriptions.Values];
    }

    private static Undelivered Undelivered(OutboundMessage message) => new(message.Message, message.Delivery.Shared!);
}
