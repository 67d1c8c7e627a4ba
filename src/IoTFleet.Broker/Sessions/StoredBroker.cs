using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Sessions;

/// <summary>What a store holds, as a starting broker finds it.</summary>
public sealed record StoredBroker(IReadOnlyList<StoredSession> Sessions, IReadOnlyList<StoredWill> Wills, IReadOnlyList<Message> Retained)
{
    public static readonly StoredBroker Empty = new([], [], []);
}

/// <param name="ExpiresAt">Null when the client was connected.</param>
/// <param name="Deliveries">In their order.</param>
/// <param name="Inbound">Packet ids of QoS 2 messages taken and not released.</param>
public sealed record StoredSession(
    long Number,
    string ClientId,
    TimeSpan Expiry,
    DateTimeOffset? ExpiresAt,
    long SentUpTo,
    IReadOnlyList<StoredSubscription> Subscriptions,
    IReadOnlyList<StoredDelivery> Deliveries,
    IReadOnlyList<ushort> Inbound);

public sealed record StoredSubscription(SubscriptionRequest Request, uint? Identifier);

public sealed record StoredDelivery(long Order, ushort PacketId, Delivery Delivery, Message Message, bool Released);

/// <param name="DueAt">Null when its client was connected.</param>
public sealed record StoredWill(long Number, long Session, string ClientId, Message Message, TimeSpan Delay, DateTimeOffset? DueAt);
