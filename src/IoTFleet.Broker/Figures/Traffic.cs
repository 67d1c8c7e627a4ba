namespace IoTFleet.Broker.Figures;

/// <summary>What has gone one way over one connection, or over all.</summary>
internal readonly record struct Traffic(long Bytes, long Packets)
{
    public static Traffic operator +(Traffic one, Traffic other) => new(one.Bytes + other.Bytes, one.Packets + other.Packets);
}

/// <summary>Since the broker started, over connections that are open and over those that have been.</summary>
internal readonly record struct TrafficTotals(Traffic Received, Traffic Sent, long Sockets);

/// <summary>The sessions of one moment.</summary>
/// <param name="Away">Of these, how many wait for their client.</param>
/// <param name="Expired">Since the broker started.</param>
internal readonly record struct SessionFigures(int Sessions, int Away, long Expired, int InFlight, int Waiting);
