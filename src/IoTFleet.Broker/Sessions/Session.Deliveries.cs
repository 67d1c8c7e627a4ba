using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

// What the session is given: at once, or in two halves around the store; and when it leaves.
internal sealed partial class Session
{
    /// <summary>Whether the delivery has to be in the store before the client may see it.</summary>
    public bool MustStore(in Delivery delivery) => _durable && delivery.Qos != QualityOfService.AtMostOnce;

    public bool IsReady(Readiness needed)
    {
        lock (_gate) return IsReady_NeedsGate(needed);
    }

    public bool Owes(TopicName topic)
    {
        lock (_gate) return _queue.Holds(topic);
    }

    /// <summary>What was sent once stays: the client may have it half.</summary>
    public void Withdraw(TopicName topic)
    {
        lock (_gate)
        {
            foreach (var message in _queue.InOrder.Where(message => message is { Sent: false, Stored: true } && message.Message.Topic.Equals(topic)).ToList()) Done_NeedsGate(message);
        }
    }

    /// <summary>For what is not stored: sends now, or queues in memory.</summary>
    public Reach Deliver(Message message, Delivery delivery)
    {
        lock (_gate)
        {
            if (Deliver_NeedsGate(message, delivery) is { } reason) return Dropped(reason);
            return Reached_NeedsGate();
        }
    }

    /// <summary>For a message that is not stored and that another session may get instead.</summary>
    public bool TryDeliver(Message message, Delivery delivery, Readiness needed, out Reach reach)
    {
        lock (_gate)
        {
            var taken = IsReady_NeedsGate(needed) && Deliver_NeedsGate(message, delivery) is null;
            reach = taken ? Reached_NeedsGate() : Reach.Nobody;
            return taken;
        }
    }

    /// <summary>First half of a delivery at QoS 1 or 2 that waits for a unit: takes its place, and adds its row if the session is durable.</summary>
    public bool TryQueue(Message message, Delivery delivery, Readiness needed, StoreUnit unit, [NotNullWhen(true)] out OutboundMessage? queued, out DropReason reason)
    {
        lock (_gate)
        {
            (queued, reason) = (null, DropReason.NotConnected);
            if (!IsReady_NeedsGate(needed) || !TryQueue_NeedsGate(message, delivery, stored: false, out queued, out reason)) return false;
            if (_durable) unit.Add(new StoreChange.DeliveryQueued(number, queued.Order, queued.PacketId, delivery, message));
            return true;
        }
    }

    /// <summary>Second half: its row is durable.</summary>
    public Reach Commit(OutboundMessage queued)
    {
        lock (_gate)
        {
            if (queued.Gone) return HandedOver_NeedsGate(queued);
            queued.Stored = true;
            SendDue_NeedsGate();
            return Reached_NeedsGate();
        }
    }

    /// <summary>It went to another member while its row was on its way; with an ended session the row goes by itself.</summary>
    private Reach HandedOver_NeedsGate(OutboundMessage queued)
    {
        if (_durable && !_ended) Append_NeedsGate(new StoreChange.DeliveryDone(number, queued.Order));
        return Reach.Nobody;
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

    public Reach Dropped(DropReason reason)
    {
        parts.Metrics.Dropped(reason);
        return Reach.Nobody;
    }

    private bool IsReady_NeedsGate(Readiness needed) => !_ended && needed switch
    {
        Readiness.CanSend => _outbox is { HasRoom: true } && _queue.Waiting == 0 && _queue.OnWire < _window,
        Readiness.Connected => _outbox is not null,
        _ => true,
    };

    /// <returns>Null when the message was taken.</returns>
    private DropReason? Deliver_NeedsGate(Message message, Delivery delivery)
    {
        if (delivery.Qos == QualityOfService.AtMostOnce) return SendNow_NeedsGate(message, delivery);
        if (!TryQueue_NeedsGate(message, delivery, stored: true, out _, out var reason)) return reason;
        SendDue_NeedsGate();
        return null;
    }

    private DropReason? SendNow_NeedsGate(Message message, Delivery delivery)
    {
        if (_outbox is not { } outbox) return DropReason.NotConnected;
        if (_holds > 0) return HoldBack_NeedsGate(message, delivery);
        if (!outbox.HasRoom) return DropReason.OutboxFull;
        var packet = message.ToPacket(delivery, 0, duplicate: false, parts.Clock.GetUtcNow());
        if (!outbox.Fits(packet)) return DropReason.TooLargeForClient;
        outbox.Send(packet);
        parts.Metrics.Delivered();
        return null;
    }

    private DropReason? HoldBack_NeedsGate(Message message, Delivery delivery)
    {
        if (_held.Count >= parts.Options.MaxOutboxPackets) return DropReason.OutboxFull;
        _held.Enqueue((message, delivery));
        return null;
    }

    private bool TryQueue_NeedsGate(Message message, Delivery delivery, bool stored, [NotNullWhen(true)] out OutboundMessage? queued, out DropReason reason)
    {
        queued = null;
        var full = _ended ? DropReason.NotConnected : WhyFull_NeedsGate(message.Size);
        reason = full ?? default;
        if (full is not null) return false;
        ExpiresAt_NeedsGate(message);
        queued = _queue.Add(message, delivery, stored);
        return true;
    }

    /// <summary>Full, by whichever measure: the newest is refused, because the older ones were promised first.</summary>
    private DropReason? WhyFull_NeedsGate(int size)
    {
        var onItsWayAtOnce = _outbox is null ? 0 : Math.Max(0, _window - _queue.OnWire);
        if (_queue.Waiting >= parts.Options.MaxQueuedPerSession + onItsWayAtOnce) return DropReason.QueueFull;
        if (_queue.WaitingBytes + size > parts.Options.MaxQueuedBytesPerSession && _queue.Waiting > 0) return DropReason.QueueBytesFull;
        if (!_queue.HasFreeId) return DropReason.QueueFull;
        return parts.Budget.TryTake(size) ? null : DropReason.AllQueuesFull;
    }

    /// <summary>As much as the client takes now: first what an earlier connection left in flight, then what waits.</summary>
    private void SendDue_NeedsGate()
    {
        if (_holds > 0 || _outbox is not { } outbox) return;
        var now = parts.Clock.GetUtcNow();
        while (MaySend_NeedsGate(outbox) && _queue.TryTakeUnsent(out var next)) Send_NeedsGate(outbox, next, now);
    }

    /// <summary>
    /// Within the window [MQTT-3.3.4-9] and while the outbox has room, so that a slow client's messages wait here, where their number is bounded. One is always
    /// under way: its acknowledgement is what sends the next.
    /// </summary>
    private bool MaySend_NeedsGate(PacketOutbox outbox) => _queue.OnWire < _window && (_queue.OnWire == 0 || outbox.HasRoom);

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
}
