namespace IoTFleet.Device.Link;

internal sealed partial class BrokerLink
{
    private const long NoPing = long.MinValue;

    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(1);

    private TimeSpan _keepAlive;
    private long _pingAskedAt = NoPing;                        // set by the watch, cleared by the read loop
    private int _pingDue;                                      // set by the watch, taken by the write loop
    private ITimer? _check;
    private bool _checkIsFar;                                  // later than an answer to what is sent now would be due

    // Pings when this side has been silent, and gives up on a server that leaves a ping or a message unanswered: a half-open connection. While nothing is
    // unanswered it wakes for the next ping only: a device that sleeps between two must not be woken for nothing.
    private async Task<LinkEnd> WatchAsync(CancellationToken ending)
    {
        using var check = _options.Clock.CreateTimer(_ => _checkDue.Ring(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Volatile.Write(ref _check, check);
        while (true)
        {
            SetCheck();
            await _checkDue.WaitAsync(ending);
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

    private void SetCheck()
    {
        var (far, answer) = (UntilNextPing(), _options.AckTimeout);
        Volatile.Write(ref _checkIsFar, far > answer);
        _check!.Change(far, Timeout.InfiniteTimeSpan);
        if (Volatile.Read(ref _checkIsFar) && IsUnanswered())  // asked only now: what is sent from here on comes through CheckSooner
            CheckSooner();
    }

    // Something was sent that is to be answered.
    private void CheckSooner()
    {
        Volatile.Write(ref _checkIsFar, false);
        var left = _options.AckTimeout - LongestUnanswered();
        _check?.Change(left > Least ? left : Least, Timeout.InfiniteTimeSpan);
    }

    private TimeSpan UntilNextPing()
    {
        var untilPing = _keepAlive - SinceLastSent();
        return untilPing > TimeSpan.Zero ? untilPing : _keepAlive;   // one has been asked for and is about to leave
    }

    private bool IsUnanswered() => Volatile.Read(ref _pingAskedAt) != NoPing || _outbox.IsAnyOnItsWay || _answers.OnTheirWay > 0;

    private TimeSpan SinceLastSent() => _options.Clock.GetElapsedTime(Volatile.Read(ref _lastSentAt));

    private TimeSpan LongestUnanswered()
    {
        var pingAskedAt = Volatile.Read(ref _pingAskedAt);
        var ping = pingAskedAt == NoPing ? TimeSpan.Zero : _options.Clock.GetElapsedTime(pingAskedAt);
        var (message, answer) = (_outbox.LongestWait(), _answers.LongestWait());
        if (answer > message)
            message = answer;
        return ping > message ? ping : message;
    }
}
