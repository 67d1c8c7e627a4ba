namespace IoTFleet.Broker;

/// <summary>Why a subscriber did not get a message. The newest is always the one that is dropped: the older ones were promised first.</summary>
public enum DropReason
{
    /// <summary>At QoS 0 nothing waits for a client that is away; and nothing at all for one whose session has just ended.</summary>
    NotConnected,

    /// <summary>At QoS 0 nothing waits for a client that does not read.</summary>
    OutboxFull,

    /// <summary><c>Broker:MaxQueuedPerSession</c> messages wait for the client, or as many as there are packet ids.</summary>
    QueueFull,

    /// <summary><c>Broker:MaxQueuedBytesPerSession</c> wait for the client.</summary>
    QueueBytesFull,

    /// <summary><c>Broker:MaxQueuedBytes</c> wait for all clients together.</summary>
    AllQueuesFull,

    /// <summary>Its Message Expiry Interval passed before it could be sent [MQTT-3.3.2-5].</summary>
    Expired,

    /// <summary>The client takes no packet that large [MQTT-3.1.2-24].</summary>
    TooLargeForClient,

    /// <summary>No member of a shared subscription could take it.</summary>
    NoMember,
}
