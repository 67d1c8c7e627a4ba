using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Sessions;

/// <summary>A QoS 1 or 2 message that is owed to one client, from the moment it is queued until the client has finished with it.</summary>
/// <remarks>Its packet id is given when it is queued, so that a stored one needs no write when it is sent.</remarks>
internal sealed class OutboundMessage(long order, ushort packetId, Message message, Delivery delivery, bool stored)
{
    public long Order => order;

    public ushort PacketId => packetId;

    public Message Message => message;

    public Delivery Delivery => delivery;

    /// <summary>False while its row is on its way to the store: until then nobody may see it.</summary>
    public bool Stored { get; set; } = stored;

    /// <summary>It may have been on a wire once: sent again, it is a duplicate.</summary>
    public bool Sent { get; set; }

    /// <summary>It is on this connection's wire; only then can an answer be for it.</summary>
    public bool OnWire { get; set; }

    /// <summary>True after PUBREC: from then on only PUBREL is sent for it, never the message again [MQTT-4.3.3-6].</summary>
    public bool Released { get; set; }

    /// <summary>Done with before its turn came; whoever finds it in a queue passes it over.</summary>
    public bool Gone { get; set; }
}
