namespace IoTFleet.Device.Telemetry;

/// <summary>
/// Lets through so many messages a second of what an outage has left: a fleet that comes back at one moment would otherwise send all of it at one moment.
/// A token bucket of one second. Used under the outbox's gate.
/// </summary>
/// <param name="perSecond">Null for no limit.</param>
/// <param name="clock">Time and timers.</param>
/// <param name="again">Called when one may pass after <see cref="MayPass"/> has said no.</param>
internal sealed class ReplayPace(int? perSecond, TimeProvider clock, Action again) : IDisposable
{
    private readonly double _rate = perSecond ?? 0;
    private double _tokens = perSecond ?? 0;
    private long _filledAt = clock.GetTimestamp();
    private ITimer? _timer;

    public bool MayPass()
    {
        if (perSecond is null)
            return true;
        var now = clock.GetTimestamp();
        _tokens = Math.Min(_rate, _tokens + clock.GetElapsedTime(_filledAt, now).TotalSeconds * _rate);
        _filledAt = now;
        if (_tokens >= 1)
            return true;
        _timer ??= clock.CreateTimer(_ => again(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(TimeSpan.FromSeconds((1 - _tokens) / _rate) + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        return false;
    }

    public void Pass() => _tokens--;

    public void Dispose() => _timer?.Dispose();
}
