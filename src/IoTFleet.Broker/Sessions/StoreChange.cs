using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

/// <summary>
/// One change of what survives. Sessions and wills go by a number that is never used twice: what a late change says about an ended session
/// cannot be taken for its client's next one. A change for a session, delivery or will that is not there changes nothing.
/// </summary>
public abstract record StoreChange
{
    private StoreChange()
    {
    }

    /// <summary>The session is new, or its client is back: it does not expire while it is connected.</summary>
    public sealed record SessionOpened(long Session, string ClientId, TimeSpan Expiry) : StoreChange;

    /// <param name="SentUpTo">The highest order number that was ever on the wire; what is above has not been sent yet.</param>
    public sealed record SessionDisconnected(long Session, TimeSpan Expiry, DateTimeOffset ExpiresAt, long SentUpTo) : StoreChange;

    /// <summary>The session goes with its subscriptions, deliveries and inbound ids.</summary>
    public sealed record SessionEnded(long Session) : StoreChange;

    /// <summary>Adds the subscription, or replaces the one on the same filter.</summary>
    public sealed record SubscriptionSet(long Session, SubscriptionRequest Request, uint? Identifier) : StoreChange;

    public sealed record SubscriptionRemoved(long Session, TopicFilter Filter) : StoreChange;

    /// <param name="Order">Rises by each delivery of the session.</param>
    public sealed record DeliveryQueued(long Session, long Order, ushort PacketId, Delivery Delivery, Message Message) : StoreChange;

    /// <summary>PUBREC came: the message is the client's, only its id is still held.</summary>
    public sealed record DeliveryReleased(long Session, long Order) : StoreChange;

    /// <summary>Acknowledged, expired or given up.</summary>
    public sealed record DeliveryDone(long Session, long Order) : StoreChange;

    /// <summary>A QoS 2 message was taken from the client under this id.</summary>
    public sealed record InboundHeld(long Session, ushort PacketId) : StoreChange;

    public sealed record InboundReleased(long Session, ushort PacketId) : StoreChange;

    public sealed record WillKept(long Will, long Session, string ClientId, Message Message, TimeSpan Delay) : StoreChange;

    /// <summary>The connection has ended; the will waits for its delay, or for the end of the session.</summary>
    public sealed record WillDelayed(long Will, DateTimeOffset DueAt) : StoreChange;

    /// <summary>Published, or taken back.</summary>
    public sealed record WillRemoved(long Will) : StoreChange;

    public sealed record RetainedSet(Message Message) : StoreChange;

    public sealed record RetainedRemoved(TopicName Topic) : StoreChange;
}
