namespace IoTFleet.Device.Link;

internal sealed partial class BrokerLink
{
    private const long NoPing = long.MinValue;

    private TimeSpan _keepAlive;
    private long _pingAskedAt = NoPing;                        // set by the watch, cleared by the read loop
    private int _pingDue;                                      // set by the watch, taken by the write loop

    // Pings when this side has been silent, and gives up on a server that leaves a ping or a message unanswered: a half-open connection.
    private async Task<LinkEnd> WatchAsync(CancellationToken ending)
    {
        while (true)
        {
            await Task.Delay(UntilNextCheck(), _options.Clock, ending);
            if (LongestUnanswered() >= _options.AckTimeout)
                return LinkEnd.Unanswered(_options.AckTimeout);
            if (SinceLastSent() >= _keepAlive && Volatile.Read(ref _pingAskedAt) == NoPing)
                AskForPing();
        }
    }

    /// <summary>Asks the server for a sign of life now.</summary>
    public void CheckNow()
    {
        if (Volatile.Read(ref _pingAskedAt) == NoPing)
            AskForPing();
    }

    private void AskForPing()
    {
        Volatile.Write(ref _pingAskedAt, _options.Clock.GetTimestamp());
        Volatile.Write(ref _pingDue, 1);
        _doorbell.Ring();
    }

    private TimeSpan UntilNextCheck()
    {
        var untilPing = _keepAlive - SinceLastSent();
        if (untilPing <= TimeSpan.Zero)
            untilPing = _keepAlive;                            // one has been asked for and is about to leave
        var untilGivenUp = _options.AckTimeout - LongestUnanswered();
        if (untilGivenUp <= TimeSpan.Zero)
            untilGivenUp = TimeSpan.FromMilliseconds(1);       // it became so old while this was worked out
        return untilPing < untilGivenUp ? untilPing : untilGivenUp;
    }

    private TimeSpan SinceLastSent() => _options.Clock.GetElapsedTime(Volatile.Read(ref _lastSentAt));

    private TimeSpan LongestUnanswered()
    {
        var pingAskedAt = Volatile.Read(ref _pingAskedAt);
        var ping = pingAskedAt == NoPing ? TimeSpan.Zero : _options.Clock.GetElapsedTime(pingAskedAt);
        var message = _outbox.LongestWait();
        return ping > message ? ping : message;
    }
}
