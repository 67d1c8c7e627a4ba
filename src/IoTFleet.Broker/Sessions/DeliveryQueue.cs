using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

/// <summary>All that is owed to one client at QoS 1 and 2, in order and by packet id: waiting, or in flight. Used under its session's gate.</summary>
internal sealed class DeliveryQueue
{
    private readonly Dictionary<ushort, OutboundMessage> _byId = [];
    private readonly Queue<OutboundMessage> _unsent = new();
    private ushort _lastId;
    private long _lastOrder;

    /// <summary>How many are on this connection's wire: what a client's Receive Maximum is compared with [MQTT-3.3.4-9].</summary>
    public int OnWire { get; private set; }

    public int Count => _byId.Count;

    /// <summary>How many were never sent.</summary>
    public int Waiting { get; private set; }

    public long WaitingBytes { get; private set; }

    /// <summary>The highest order number that was ever sent. What waits goes out in order, so all below it was sent, too.</summary>
    public long SentUpTo { get; private set; }

    public bool Holds(TopicName topic) => _byId.Values.Any(message => message.Message.Topic.Equals(topic));

    public bool HasFreeId => _byId.Count < ushort.MaxValue;

    public IEnumerable<OutboundMessage> InOrder => _byId.Values.OrderBy(message => message.Order);

    public OutboundMessage Add(Message message, Delivery delivery, bool stored)
    {
        var added = new OutboundMessage(++_lastOrder, NextId(), message, delivery, stored);
        Keep(added);
        return added;
    }

    /// <summary>Takes in what another process had queued, in order.</summary>
    public void Restore(StoredDelivery stored, bool sent)
    {
        // Two with one id: the older one's end was lost with the last moments of that process; the newer could only take its id after it.
        if (_byId.TryGetValue(stored.PacketId, out var older)) Remove(older);
        var message = new OutboundMessage(stored.Order, stored.PacketId, stored.Message, stored.Delivery, stored: true) { Released = stored.Released, Sent = sent };
        (_lastOrder, _lastId) = (stored.Order, stored.PacketId);
        if (sent) SentUpTo = stored.Order;
        Keep(message);
    }

    /// <summary>No new delivery gets an order number up to this one.</summary>
    public void StartAfter(long order)
    {
        SentUpTo = Math.Max(SentUpTo, order);
        _lastOrder = Math.Max(_lastOrder, order);
    }

    /// <summary>A new connection: all of it is to be sent, in order, what was in flight first.</summary>
    public void StartAgain()
    {
        _unsent.Clear();
        OnWire = 0;
        foreach (var message in InOrder)
        {
            message.OnWire = false;
            _unsent.Enqueue(message);
        }
    }

    /// <summary>The next one to send. One that is not stored yet holds back those behind it: they keep their order.</summary>
    public bool TryTakeUnsent([NotNullWhen(true)] out OutboundMessage? next)
    {
        while (_unsent.TryPeek(out next) && next.Gone) _unsent.Dequeue();
        if (next is not { Stored: true }) return false;
        _unsent.Dequeue();
        return true;
    }

    public void PutOnWire(OutboundMessage message)
    {
        CountWaiting(message, -1);
        (message.OnWire, message.Sent) = (true, true);
        SentUpTo = Math.Max(SentUpTo, message.Order);
        OnWire++;
    }

    public OutboundMessage? Release(ushort packetId)
    {
        if (!TryGetOnWire(packetId, out var sent) || sent.Delivery.Qos != QualityOfService.ExactlyOnce) return null;
        sent.Released = true;
        return sent;
    }

    /// <summary>Ends such a message, if it was in flight; a QoS 2 message only ends by its own answers, a QoS 1 message by PUBACK.</summary>
    public OutboundMessage? Complete(ushort packetId, QualityOfService qos, bool released)
    {
        if (!TryGetOnWire(packetId, out var sent) || sent.Delivery.Qos != qos || sent.Released != released) return null;
        Remove(sent);
        return sent;
    }

    /// <returns>False when it had gone already.</returns>
    public bool Remove(OutboundMessage message)
    {
        if (message.Gone) return false;
        message.Gone = true;
        _byId.Remove(message.PacketId);
        CountWaiting(message, -1);
        if (message.OnWire) OnWire--;
        return true;
    }

    private void Keep(OutboundMessage message)
    {
        _byId.Add(message.PacketId, message);
        _unsent.Enqueue(message);
        CountWaiting(message, +1);
    }

    private void CountWaiting(OutboundMessage message, int change)
    {
        if (message.Sent) return;
        Waiting += change;
        WaitingBytes += change * message.Message.Size;
    }

    /// <summary>An id that is not in use [MQTT-2.2.1-4].</summary>
    private ushort NextId()
    {
        do
        {
            _lastId = _lastId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastId + 1);
        }
        while (_byId.ContainsKey(_lastId));
        return _lastId;
    }

    private bool TryGetOnWire(ushort packetId, [NotNullWhen(true)] out OutboundMessage? sent) => _byId.TryGetValue(packetId, out sent) && sent.OnWire;
}
