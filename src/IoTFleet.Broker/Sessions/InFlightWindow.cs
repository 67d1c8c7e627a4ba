using IoTFleet.Broker.Routing;

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
}

/// <summary>What is in flight to one client, by packet id. Used under its session's gate.</summary>
internal sealed class InFlightWindow
{
    private readonly Dictionary<ushort, InFlightMessage> _byId = [];
    private ushort _lastId;
    private long _order;

    public int Count => _byId.Count;

    public IEnumerable<InFlightMessage> InOrder() => _byId.Values.OrderBy(sent => sent.Order);

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
        if (!_byId.TryGetValue(packetId, out var sent) || sent.Delivery.Qos != Mqtt.QualityOfService.ExactlyOnce) return false;
        return sent.Released = true;
    }

    public bool Complete(ushort packetId, bool released) =>
        _byId.TryGetValue(packetId, out var sent) && sent.Released == released && _byId.Remove(packetId);
}
