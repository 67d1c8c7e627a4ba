namespace IoTFleet.Simulator;

/// <summary>What all simulated devices did together. Any thread may count.</summary>
internal sealed class FleetTally
{
    private long _sent;
    private long _acked;
    private long _refused;
    private long _late;

    public LatencyHistogram AckLatency { get; } = new();

    /// <summary>Messages handed to the SDK.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Messages the server confirmed as stored.</summary>
    public long Acked => Interlocked.Read(ref _acked);

    /// <summary>Messages the server refused.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Messages sent after their time, by more than <see cref="VirtualDevice.Tolerance"/>.</summary>
    public long Late => Interlocked.Read(ref _late);

    public void CountSent() => Interlocked.Increment(ref _sent);

    public void CountRefused() => Interlocked.Increment(ref _refused);

    public void CountLate() => Interlocked.Increment(ref _late);

    public void CountAcked(TimeSpan latency)
    {
        Interlocked.Increment(ref _acked);
        AckLatency.Record(latency);
    }
}
