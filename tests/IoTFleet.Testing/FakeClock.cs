namespace IoTFleet.Testing;

/// <summary>Time that passes only when a test says so. Timers fire on the thread that advances it, in order of their due time.</summary>
public sealed class FakeClock(DateTimeOffset start) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<Timer> _timers = [];
    private DateTimeOffset _now = start;
    private DateTimeOffset _told = start;                      // where all who move the clock have told it to go; it may be on its way there

    public FakeClock()
        : this(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return _now;
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>When somebody is woken next; null when nobody is to be.</summary>
    public DateTimeOffset? NextDueAt
    {
        get
        {
            lock (_gate) return _timers.Min(timer => timer.DueAt);
        }
    }

    public void Advance(TimeSpan by)
    {
        DateTimeOffset target;
        lock (_gate) target = _told += by;
        while (NextDue(target) is { } timer) timer.Fire();
        lock (_gate) _now = target > _now ? target : _now;     // another may have moved it further meanwhile
    }

    /// <summary>
    /// As if the machine had slept: the time is later, and each timer that was due fires once, however often it would have. For days, in which the
    /// timers of a second would fire a hundred thousand times.
    /// </summary>
    public void Leap(TimeSpan by)
    {
        List<Timer> due;
        lock (_gate)
        {
            _now = _told += by;
            due = [.. _timers.Where(timer => timer.DueAt <= _now).OrderBy(timer => timer.DueAt)];
            foreach (var timer in due)
            {
                timer.DueAt = timer.Period > TimeSpan.Zero ? _now + timer.Period : null;
                if (timer.DueAt is null) _timers.Remove(timer);
            }
        }

        foreach (var timer in due) timer.Fire();
    }

    private void FireWhatIsDue()
    {
        while (NextDue(GetUtcNow()) is { } timer) timer.Fire();
    }

    private Timer? NextDue(DateTimeOffset target)
    {
        lock (_gate)
        {
            var next = _timers.Where(timer => timer.DueAt <= target).MinBy(timer => timer.DueAt);
            if (next is null) return null;
            if (next.DueAt > _now) _now = next.DueAt.Value;
            next.DueAt = next.Period > TimeSpan.Zero ? _now + next.Period : null;
            if (next.DueAt is null) _timers.Remove(next);
            return next;
        }
    }

    private sealed class Timer(FakeClock clock, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset? DueAt { get; set; }

        public TimeSpan Period { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._gate)
            {
                clock._timers.Remove(this);
                Period = period;
                DueAt = dueTime == Timeout.InfiniteTimeSpan ? null : clock._now + dueTime;
                if (DueAt is not null) clock._timers.Add(this);
            }

            if (dueTime == TimeSpan.Zero) clock.FireWhatIsDue();
            return true;
        }

        public void Dispose()
        {
            lock (clock._gate) clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
