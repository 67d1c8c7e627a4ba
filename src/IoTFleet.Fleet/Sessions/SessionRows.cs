namespace IoTFleet.Fleet.Sessions;

// What the broker keeps beyond its process. Written by plain commands, many rows to a transaction, so the columns are as plain: times in
// microseconds since 1970 UTC, messages as the MQTT 5 PUBLISH packet that would carry them.

/// <summary>A session of a client that asked for one to outlive its connection.</summary>
public sealed class SessionRow
{
    public long Number { get; set; }
    public required string ClientId { get; set; }
    public long ExpiryUs { get; set; }

    /// <summary>Null while its client is connected.</summary>
    public long? ExpiresAtUs { get; set; }

    public long SentUpTo { get; set; }
}

public sealed class SubscriptionRow
{
    public long Session { get; set; }
    public required string Filter { get; set; }
    public byte Qos { get; set; }
    public bool NoLocal { get; set; }
    public bool RetainAsPublished { get; set; }
    public byte RetainHandling { get; set; }
    public long? Identifier { get; set; }
}

/// <summary>A message that a client is owed. A message to many has a row with each of them, so that none waits for another's end.</summary>
public sealed class DeliveryRow
{
    public long Session { get; set; }
    public long Position { get; set; }
    public int PacketId { get; set; }
    public bool Released { get; set; }

    /// <summary>The shared subscription it came by.</summary>
    public string? Shared { get; set; }

    /// <summary>As it is to be sent: QoS, retain flag and subscription identifiers are the receiver's.</summary>
    public required byte[] Packet { get; set; }

    /// <summary>QoS and retain flag as published.</summary>
    public byte PublishedQos { get; set; }
    public bool PublishedRetain { get; set; }

    public string? Publisher { get; set; }
    public long ReceivedAtUs { get; set; }
}

/// <summary>The id of a QoS 2 message that a client sent and has not released.</summary>
public sealed class InboundRow
{
    public long Session { get; set; }
    public int PacketId { get; set; }
}

public sealed class WillRow
{
    public long Number { get; set; }
    public long Session { get; set; }
    public required string ClientId { get; set; }
    public long DelayUs { get; set; }

    /// <summary>Null while its client is connected.</summary>
    public long? DueAtUs { get; set; }

    public required byte[] Packet { get; set; }
    public long ReceivedAtUs { get; set; }
}

public sealed class RetainedRow
{
    public required string Topic { get; set; }
    public required byte[] Packet { get; set; }
    public string? Publisher { get; set; }
    public long ReceivedAtUs { get; set; }
}
