namespace IoTFleet.Broker.Connections;

/// <summary>
/// How much one client may send: a bucket of packets and one of bytes. They hold ten seconds' worth, so that a device may hand in at once what it
/// gathered while it was away, and are filled only when one is found empty: what keeps to its rate never looks at the clock. Owned by the read loop.
/// </summary>
internal sealed class InboundRate(double packetsPerSecond, double bytesPerSecond, TimeProvider clock)
{
    private const double SecondsHeld = 10;
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50);     // one wake-up for many packets

    private double _packets = packetsPerSecond * SecondsHeld;
    private double _bytes = bytesPerSecond * SecondsHeld;
    private long _filledAt = clock.GetTimestamp();
    private long? _heldSince;

    /// <summary>How long the client has been held to its rate without a second's respite.</summary>
    public TimeSpan HeldFor => _heldSince is { } since ? clock.GetElapsedTime(since) : TimeSpan.Zero;

    /// <returns>How long to read nothing from this client; mostly zero.</returns>
    public TimeSpan Take(int packets, long bytes)
    {
        (_packets, _bytes) = (_packets - packets, _bytes - bytes);
        if (_packets >= 0 && _bytes >= 0) return TimeSpan.Zero;

        Fill();
        var seconds = Math.Max(-_packets / packetsPerSecond, -_bytes / bytesPerSecond);
        if (seconds <= -1) _heldSince = null;
        if (seconds <= 0) return TimeSpan.Zero;
        _heldSince ??= clock.GetTimestamp();
        return TimeSpan.FromSeconds(Math.Max(seconds, ShortestPause.TotalSeconds));
    }

    private void Fill()
    {
        var elapsed = clock.GetElapsedTime(_filledAt).TotalSeconds;
        _filledAt = clock.GetTimestamp();
        _packets = Math.Min(_packets + elapsed * packetsPerSecond, packetsPerSecond * SecondsHeld);
        _bytes = Math.Min(_bytes + elapsed * bytesPerSecond, bytesPerSecond * SecondsHeld);
    }
}
