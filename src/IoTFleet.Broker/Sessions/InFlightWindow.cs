using System.Diagnostics.CodeAnalysis;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Sessions;

/// <summary>A message sent at QoS 1 or 2 that the client has not finished with.</summary>
internal sealed class InFlightMessage(ushort packetId, Message message, Delivery delivery, long order)
{
    public ushort PacketId => packetId;

    public Message Message => message;

    public Delivery Delivery => delivery;

    public long Order => order;

    /// <summary>True after PUBREC: from then on only PUBREL is sent for it, never the message again [MQTT-4.3.3-6].</summary>
    public bool Released { get; set; }

    /// <summary>False while it waits to be sent again on a new connection; until then no answer can be for it.</summary>
    public bool OnWire { get; set; } = true;
}

/// <summary>What is in flight to one client, by packet id. Used under its session's gate.</summary>
internal sealed class InFlightWindow
{
    private readonly Dictionary<ushort, InFlightMessage> _byId = [];
    private readonly Queue<InFlightMessage> _unsent = new();
    private ushort _lastId;
    private long _order;

    public int Count => _byId.Count;

    /// <summary>How many are on this connection's wire: what a client's Receive Maximum is compared with [MQTT-3.3.4-9].</summary>
    public int OnWire => _byId.Count - _unsent.Count;

    /// <summary>A new connection: all of it is to be sent again, in order.</summary>
    public void StartAgain()
    {
        _unsent.Clear();
        foreach (var sent in _byId.Values.OrderBy(sent => sent.Order))
        {
            sent.OnWire = false;
            _unsent.Enqueue(sent);
        }
    }

    public bool TryTakeUnsent([NotNullWhen(true)] out InFlightMessage? sent)
    {
        if (!_unsent.TryDequeue(out sent)) return false;
        return sent.OnWire = true;
    }

    /// <summary>An id that is not in use [MQTT-2.2.1-4]; there is one, because the window is smaller than the id space.</summary>
    public ushort NextId()
    {
        do
        {
            _lastId = _lastId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastId + 1);
        }
        while (_byId.ContainsKey(_lastId));
        return _lastId;
    }

    public void Add(ushort packetId, Message message, Delivery delivery) => _byId.Add(packetId, new InFlightMessage(packetId, message, delivery, _order++));

    public bool Release(ushort packetId)
    {
        if (!TryGetOnWire(packetId, out var sent) || sent.Delivery.Qos != QualityOfService.ExactlyOnce) return false;
        return sent.Released = true;
    }

    /// <summary>True when such a message was in flight; a QoS 2 message only ends by its own answers, a QoS 1 message by PUBACK.</summary>
    public bool Complete(ushort packetId, QualityOfService qos, bool released) =>
        TryGetOnWire(packetId, out var sent) && sent.Delivery.Qos == qos && sent.Released == released && Remove(sent);

    public bool Remove(InFlightMessage sent) => _byId.Remove(sent.PacketId);

    /// <summary>Of what was sent, the QoS 1 messages that came by a shared subscription, in order.</summary>
    public IEnumerable<Undelivered> SharedAtLeastOnce() => _byId.Values
        .Where(sent => sent.Delivery is { Shared: not null, Qos: QualityOfService.AtLeastOnce })
        .OrderBy(sent => sent.Order)
        .Select(sent => new Undelivered(sent.Message, sent.Delivery.Shared!));

    private bool TryGetOnWire(ushort packetId, [NotNullWhen(true)] out InFlightMessage? sent) => _byId.TryGetValue(packetId, out sent) && sent.OnWire;
}
