using IoTFleet.Mqtt;

namespace IoTFleet.Broker;

/// <summary>Settings of the broker engine, section <c>Broker</c>. The defaults run a fleet of some ten thousand devices on one node.</summary>
public sealed class BrokerOptions
{
    private const long GB = 1024 * 1024 * 1024;

    /// <summary>Time from the end of the handshake to the CONNECT packet. 1 s to 60 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Time for the decision on a CONNECT; a store that hangs longer turns clients away (0x88). 1 s to 60 s.</summary>
    public TimeSpan AdmissionTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest keep-alive a client may choose; a longer one, or none, is replaced by this (MQTT 5 Server Keep Alive). 10 s to 18 h.</summary>
    public TimeSpan MaxKeepAlive { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a closing connection may take to write what is queued before it is cut. 100 ms to 10 s.</summary>
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Longest session a client may ask for; a longer one is shortened (MQTT 5 3.2.2.3.2). Up to 30 days.</summary>
    public TimeSpan MaxSessionExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Unacknowledged QoS 1 and 2 messages taken from one client at a time (Receive Maximum). 1 to 65,535.</summary>
    public int ReceiveMaximum { get; set; } = 100;

    /// <summary>QoS 2 messages that a 3.1.1 client, which knows no Receive Maximum, may leave unreleased before it is disconnected. 100 to 65,535.</summary>
    public int MaxUnreleased { get; set; } = 4_096;

    /// <summary>Unacknowledged QoS 1 and 2 messages sent to one client at a time, whatever its Receive Maximum allows. 1 to 65,535.</summary>
    public int MaxInFlight { get; set; } = 64;

    /// <summary>QoS 1 and 2 messages kept for one session beyond those in flight; a full queue refuses the newest. 1 to 100,000.</summary>
    public int MaxQueuedPerSession { get; set; } = 1_000;

    /// <summary>Bytes of those messages, about; one message is taken whatever its size. 1 KB to 1 GB.</summary>
    public int MaxQueuedBytesPerSession { get; set; } = 1024 * 1024;

    /// <summary>Bytes of the messages owed to all sessions together, in flight or waiting. 1 MB to 64 GB.</summary>
    public long MaxQueuedBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>Packets waiting in one connection's outbox before its reader pauses and QoS 0 messages for it are dropped. 16 to 100,000.</summary>
    public int MaxOutboxPackets { get; set; } = 1_000;

    /// <summary>Bytes waiting in one connection's outbox before the same happens, and before QoS 1 and 2 messages wait in the session. 16 KiB to 256 MiB.</summary>
    public int MaxOutboxBytes { get; set; } = 1024 * 1024;

    /// <summary>How long a client may read nothing while its outbox is full before it is disconnected (0x97). 1 s to 10 min.</summary>
    public TimeSpan SlowClientTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Subscriptions of one session. 1 to 10,000.</summary>
    public int MaxSubscriptionsPerSession { get; set; } = 100;

    /// <summary>
    /// Packets a second from one client, acknowledgements apart, a filter counted as one; ten seconds' worth may come at once. Beyond it the client is not read. 1 to 1,000,000.
    /// </summary>
    public int MaxPacketRate { get; set; } = 1_000;

    /// <summary>Bytes a second from one client, in the same way. 1 KiB to 1 GiB.</summary>
    public int MaxByteRate { get; set; } = 1024 * 1024;

    /// <summary>How long a client may be held to its rates without a second's respite before it is disconnected (0x96). 1 s to 1 h.</summary>
    public TimeSpan MaxTimeOverRate { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Topics with a retained message, of all clients together; a full store refuses further topics. 1 to 10,000,000.</summary>
    public int MaxRetainedMessages { get; set; } = 100_000;

    /// <summary>Bytes of all retained messages, about what they take in memory. 1 MB to 64 GB.</summary>
    public long MaxRetainedBytes { get; set; } = 256 * 1024 * 1024;

    /// <summary>Topics with a retained message of one client, which may replace and clear what it has; a service has a hundred clients' share. 1 to 10,000,000.</summary>
    public int MaxRetainedPerClient { get; set; } = 1_000;

    /// <summary>Bytes of one client's retained messages. 1 KB to 64 GB.</summary>
    public long MaxRetainedBytesPerClient { get; set; } = 16 * 1024 * 1024;

    /// <summary>Topic aliases of one connection, in each direction (MQTT 5 3.2.2.3.8); a client may take fewer. 0 to 1,000.</summary>
    public int TopicAliasMaximum { get; set; } = 16;

    /// <summary>How often the figures below <c>$SYS/broker</c> are published; 0 for never. Up to 1 h.</summary>
    public TimeSpan SysInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Largest packet, deepest topic and longest lists accepted from the wire.</summary>
    public PacketLimits PacketLimits { get; set; } = PacketLimits.Default;

    /// <summary>A match goes down the tree by recursion, a frame or two a level.</summary>
    private const int DeepestTree = 256;

    /// <summary>Says what is wrong with these settings, one line each; empty when they can be used.</summary>
    public IEnumerable<string> Problems()
    {
        if (!InRange(ConnectTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60))) yield return "Broker:ConnectTimeout must be 00:00:01 to 00:01:00.";
        if (!InRange(AdmissionTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60))) yield return "Broker:AdmissionTimeout must be 00:00:01 to 00:01:00.";
        if (!InRange(MaxKeepAlive, TimeSpan.FromSeconds(10), TimeSpan.FromHours(18))) yield return "Broker:MaxKeepAlive must be 00:00:10 to 18:00:00.";
        if (!InRange(CloseTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(10))) yield return "Broker:CloseTimeout must be 00:00:00.1 to 00:00:10.";
        if (!InRange(MaxSessionExpiry, TimeSpan.Zero, TimeSpan.FromDays(30))) yield return "Broker:MaxSessionExpiry must be 0 to 30 days.";
        if (ReceiveMaximum is < 1 or > ushort.MaxValue) yield return "Broker:ReceiveMaximum must be 1 to 65535.";
        if (MaxUnreleased is < 100 or > ushort.MaxValue) yield return "Broker:MaxUnreleased must be 100 to 65535.";
        if (MaxInFlight is < 1 or > ushort.MaxValue) yield return "Broker:MaxInFlight must be 1 to 65535.";
        if (MaxQueuedPerSession is < 1 or > 100_000) yield return "Broker:MaxQueuedPerSession must be 1 to 100000.";
        if (MaxQueuedBytesPerSession is < 1024 or > 1 << 30) yield return "Broker:MaxQueuedBytesPerSession must be 1024 to 1073741824.";
        if (MaxQueuedBytes is < 1 << 20 or > 1L << 36) yield return "Broker:MaxQueuedBytes must be 1048576 to 68719476736.";
        if (MaxOutboxPackets is < 16 or > 100_000) yield return "Broker:MaxOutboxPackets must be 16 to 100000.";
        if (MaxOutboxBytes is < 16 * 1024 or > 256 * 1024 * 1024) yield return "Broker:MaxOutboxBytes must be 16384 to 268435456.";
        if (!InRange(SlowClientTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10))) yield return "Broker:SlowClientTimeout must be 00:00:01 to 00:10:00.";
        if (MaxSubscriptionsPerSession is < 1 or > 10_000) yield return "Broker:MaxSubscriptionsPerSession must be 1 to 10000.";
        if (MaxPacketRate is < 1 or > 1_000_000) yield return "Broker:MaxPacketRate must be 1 to 1000000.";
        if (MaxByteRate is < 1024 or > 1024 * 1024 * 1024) yield return "Broker:MaxByteRate must be 1024 to 1073741824.";
        if (!InRange(MaxTimeOverRate, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))) yield return "Broker:MaxTimeOverRate must be 00:00:01 to 01:00:00.";
        if (MaxRetainedMessages is < 1 or > 10_000_000) yield return "Broker:MaxRetainedMessages must be 1 to 10000000.";
        if (MaxRetainedBytes is < 1024 * 1024 or > 64 * GB) yield return "Broker:MaxRetainedBytes must be 1048576 to 68719476736.";
        if (MaxRetainedPerClient is < 1 or > 10_000_000) yield return "Broker:MaxRetainedPerClient must be 1 to 10000000.";
        if (MaxRetainedBytesPerClient is < 1024 or > 64 * GB) yield return "Broker:MaxRetainedBytesPerClient must be 1024 to 68719476736.";
        if (TopicAliasMaximum is < 0 or > 1_000) yield return "Broker:TopicAliasMaximum must be 0 to 1000.";
        if (SysInterval != TimeSpan.Zero && !InRange(SysInterval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))) yield return "Broker:SysInterval must be 0, or 00:00:01 to 01:00:00.";
        if (PacketLimits.MaxTopicLevels > DeepestTree) yield return $"Broker:PacketLimits:MaxTopicLevels must be 1 to {DeepestTree}.";
    }

    private static bool InRange(TimeSpan value, TimeSpan from, TimeSpan to) => value >= from && value <= to;
}
