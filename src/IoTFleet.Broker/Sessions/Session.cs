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

/// <summary>
/// One client's subscriptions, queue and in-flight messages in both directions; it outlives the connection that serves it.
/// Everything in it is behind one gate, which is never held over an await; the outbox it writes to takes no lock.
/// </summary>
internal sealed class Session(string clientId, BrokerOptions options, BrokerMetrics metrics, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<TopicFilter, Subscription> _subscriptions = [];
    private readonly DeliveryQueue _queue = new(options.MaxQueuedPerSession);
    private readonly InFlightWindow _inFlight = new();
    private readonly Dictionary<ushort, Task> _inbound = [];
    private readonly Queue<(Message Message, Delivery Delivery)> _held = new();
    private volatile PacketOutbox? _outbox;
    private int _window;
    private bool _holds;
    private bool _ended;

    public string ClientId => clientId;

    /// <summary>Completes when all that its ended connections published is committed and routed. Its next connection's messages come behind that.</summary>
    public Task Settled { get; private set; } = Task.CompletedTask;

    /// <summary>A connection takes the session: what was in flight is sent again first, in order, then what waits in the queue [MQTT-4.4.0-1].</summary>
    public void Attach(PacketOutbox outbox, int clientReceiveMaximum)
    {
        lock (_gate)
        {
            _outbox = outbox;
            _window = Math.Min(clientReceiveMaximum, options.MaxInFlight);
            _holds = false;
            _held.Clear();
            _inFlight.StartAgain();
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

    public bool IsConnected => _outbox is not null;

    /// <returns>False when the message was dropped: nobody connected at QoS 0, or a full queue.</returns>
    public bool Deliver(Message message, Delivery delivery)
    {
        var taken = TryDeliver(message, delivery, Readiness.Any);
        if (!taken) metrics.Dropped();
        return taken;
    }

    /// <summary>For a message that another session may get instead.</summary>
    public bool TryDeliver(Message message, Delivery delivery, Readiness needed)
    {
        lock (_gate)
        {
            if (_ended || !IsReady_NeedsGate(needed)) return false;
            return delivery.Qos == QualityOfService.AtMostOnce ? SendNow_NeedsGate(message, delivery) : SendOrQueue_NeedsGate(message, delivery);
        }
    }

    /// <summary>From here on nothing leaves, until <see cref="Resume"/>.</summary>
    public void Hold()
    {
        lock (_gate) _holds = true;
    }

    /// <summary>The answer goes first, then what was held.</summary>
    public void Resume(PacketOutbox outbox, Packet answer)
    {
        lock (_gate)
        {
            _holds = false;
            outbox.Send(answer);
            while (_held.TryDequeue(out var held))
            {
                if (!SendNow_NeedsGate(held.Message, held.Delivery)) metrics.Dropped();
            }

            SendDue_NeedsGate();
        }
    }

    /// <summary>Takes nothing any more.</summary>
    /// <returns>
    /// The shared messages that are due to another member of their group. Not what was sent at QoS 2: its client may have it [MQTT-4.8.2-5].
    /// </returns>
    public List<Undelivered> End()
    {
        lock (_gate)
        {
            _ended = true;
            return [.. _inFlight.SharedAtLeastOnce(), .. _queue.TakeShared(_ => true)];
        }
    }

    /// <summary>The shared messages that only waited here, of the groups that <paramref name="wanted"/> names.</summary>
    public List<Undelivered> TakeWaiting(Predicate<TopicFilter> wanted)
    {
        lock (_gate) return _queue.TakeShared(wanted);
    }

    /// <summary>PUBACK: the message has arrived and its id is free again.</summary>
    public void Acknowledged(ushort packetId) => Complete(packetId, QualityOfService.AtLeastOnce, released: false);

    /// <summary>PUBCOMP: the message has arrived and its id is free again.</summary>
    public void Completed(ushort packetId) => Complete(packetId, QualityOfService.ExactlyOnce, released: true);

    /// <summary>PUBREC: with success the message is the client's and only its id is still held [MQTT-4.3.3-4]; otherwise it is given up.</summary>
    public bool Received(ushort packetId, ReasonCode reason)
    {
        if (reason >= ReasonCode.UnspecifiedError) return Complete(packetId, QualityOfService.ExactlyOnce, released: false);
        lock (_gate) return _inFlight.Release(packetId);
    }

    /// <summary>The commit of a QoS 2 message that came before under this id and has not been released: then this one is the same again [MQTT-4.3.3-10].</summary>
    public Task? InboundCommit(ushort packetId)
    {
        lock (_gate) return _inbound.GetValueOrDefault(packetId);
    }

    public void HoldInbound(ushort packetId, Task commit)
    {
        lock (_gate) _inbound[packetId] = commit;
    }

    /// <summary>PUBREL.</summary>
    public bool ReleaseInbound(ushort packetId)
    {
        lock (_gate) return _inbound.Remove(packetId);
    }

    /// <summary>The message could not be stored, so its id is free again; unless it is held by a later message meanwhile.</summary>
    public void GiveUpInbound(ushort packetId, Task failedCommit)
    {
        lock (_gate)
        {
            if (_inbound.GetValueOrDefault(packetId) == failedCommit) _inbound.Remove(packetId);
        }
    }

    /// <summary>QoS 2 messages of the client that are not released yet.</summary>
    public int InboundCount
    {
        get
        {
            lock (_gate) return _inbound.Count;
        }
    }

    /// <summary>How many messages are in flight, and how many wait.</summary>
    public (int InFlight, int Waiting) Load()
    {
        lock (_gate) return (_inFlight.Count, _queue.Count);
    }

    /// <returns>False when the session holds as many subscriptions as it may; <paramref name="isNew"/> tells a first subscription from a replaced one.</returns>
    public bool TryAdd(Subscription subscription, out bool isNew)
    {
        lock (_gate)
        {
            isNew = !_subscriptions.ContainsKey(subscription.Request.Filter);
            if (isNew && _subscriptions.Count >= options.MaxSubscriptionsPerSession) return false;
            _subscriptions[subscription.Request.Filter] = subscription;
            return true;
        }
    }

    public bool TryRemove(TopicFilter filter)
    {
        lock (_gate) return _subscriptions.Remove(filter);
    }

    public IReadOnlyList<TopicFilter> Filters()
    {
        lock (_gate) return [.. _subscriptions.Keys];
    }

    private bool Complete(ushort packetId, QualityOfService qos, bool released)
    {
        lock (_gate)
        {
            if (!_inFlight.Complete(packetId, qos, released)) return false;
            SendDue_NeedsGate();
            return true;
        }
    }

    private bool IsReady_NeedsGate(Readiness needed) => needed switch
    {
        Readiness.CanSend => _outbox is { HasRoom: true } && _queue.Count == 0 && _inFlight.OnWire < _window,
        Readiness.Connected => _outbox is not null,
        _ => true,
    };

    private bool SendNow_NeedsGate(Message message, Delivery delivery)
    {
        if (_holds) return HoldBack_NeedsGate(message, delivery);
        if (_outbox is not { HasRoom: true } outbox) return false;
        var packet = message.ToPacket(delivery, 0, duplicate: false, clock.GetUtcNow());
        if (!outbox.Fits(packet)) return false;
        outbox.Send(packet);
        metrics.Delivered();
        return true;
    }

    private bool HoldBack_NeedsGate(Message message, Delivery delivery)
    {
        if (_held.Count >= options.MaxOutboxPackets) return false;
        _held.Enqueue((message, delivery));
        return true;
    }

    private bool SendOrQueue_NeedsGate(Message message, Delivery delivery)
    {
        if (!_queue.TryAdd(message, delivery)) return false;
        SendDue_NeedsGate();
        return true;
    }

    /// <summary>As much as the client takes now [MQTT-3.3.4-9]: first what an earlier connection left in flight, then what waits.</summary>
    private void SendDue_NeedsGate()
    {
        if (_holds || _outbox is not { } outbox) return;
        var now = clock.GetUtcNow();
        while (MaySend_NeedsGate(outbox) && _inFlight.TryTakeUnsent(out var sent)) SendAgain_NeedsGate(outbox, sent, now);
        while (MaySend_NeedsGate(outbox) && _queue.TryTake(out var message, out var delivery)) SendFirst_NeedsGate(outbox, message, delivery, now);
    }

    /// <summary>
    /// Within the window and while the outbox has room, so that a slow client's messages wait here, where their number is bounded. One is always
    /// under way: its acknowledgement is what sends the next.
    /// </summary>
    private bool MaySend_NeedsGate(PacketOutbox outbox) => _inFlight.OnWire < _window && (_inFlight.OnWire == 0 || outbox.HasRoom);

    private void SendAgain_NeedsGate(PacketOutbox outbox, InFlightMessage sent, DateTimeOffset now)
    {
        Packet packet = sent.Released
            ? new PubRelPacket { PacketId = sent.PacketId }
            : sent.Message.ToPacket(sent.Delivery, sent.PacketId, duplicate: true, now);
        if (TrySend(outbox, packet)) return;
        _inFlight.Remove(sent);
    }

    private void SendFirst_NeedsGate(PacketOutbox outbox, Message message, Delivery delivery, DateTimeOffset now)
    {
        if (message.IsExpired(now)) return;
        var packetId = _inFlight.NextId();
        if (!TrySend(outbox, message.ToPacket(delivery, packetId, duplicate: false, now))) return;
        _inFlight.Add(packetId, message, delivery);
        metrics.Delivered();
    }

    /// <summary>A packet larger than the client takes is passed over as if it had been delivered [MQTT-3.1.2-24, -25].</summary>
    private bool TrySend(PacketOutbox outbox, Packet packet)
    {
        var fits = outbox.Fits(packet);
        if (fits) outbox.Send(packet);
        else metrics.Dropped();
        return fits;
    }
}
