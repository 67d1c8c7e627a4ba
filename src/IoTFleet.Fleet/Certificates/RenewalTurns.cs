namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// Lets renewals through at a pace. After an outage a fleet comes back at once; who is one too many gets a turn of his own and is told when it comes, so that he
/// asks twice and not ten times. Who would not live to see his turn is let through at once.
/// </summary>
public sealed class RenewalTurns(RenewalOptions options, TimeProvider clock)
{
    /// <summary>Turns given out that have not come yet; beyond them everybody is sent away for as long.</summary>
    internal const int MaxTurns = 100_000;
    private const double LeastPerSecond = 50;
    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(2);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, DateTimeOffset> _turns = new(StringComparer.Ordinal);
    private readonly Queue<(string DeviceId, DateTimeOffset At)> _inOrder = [];
    private double _perSecond = options.MaxPerSecond > 0 ? options.MaxPerSecond : LeastPerSecond;
    private DateTimeOffset _next = DateTimeOffset.MinValue;

    public double PerSecond
    {
        get { lock (_gate) return _perSecond; }
    }

    /// <summary>What the fleet's certificates need on average: the pace is twice that, unless it is set.</summary>
    public void Expect(double renewalsPerSecond)
    {
        if (options.MaxPerSecond > 0) return;
        lock (_gate) _perSecond = Math.Max(LeastPerSecond, 2 * renewalsPerSecond);
    }

    /// <param name="deviceId">Who asks.</param>
    /// <param name="remaining">How long its certificate will live.</param>
    /// <returns>Null when it may go on, else how long to wait.</returns>
    public TimeSpan? Ask(string deviceId, TimeSpan remaining)
    {
        var now = clock.GetUtcNow();
        lock (_gate)
        {
            Forget_NeedsGate(now);
            if (_turns.TryGetValue(deviceId, out var turn)) return OnReturn_NeedsGate(deviceId, turn, now, remaining);
            if (_next < now - Burst) _next = now - Burst;
            if (_next <= now)
            {
                _next += TimeSpan.FromSeconds(1 / _perSecond);
                return null;
            }
            return remaining <= Wait(_next - now) * 2 ? null : Give_NeedsGate(deviceId, now);
        }
    }

    private TimeSpan? OnReturn_NeedsGate(string deviceId, DateTimeOffset turn, DateTimeOffset now, TimeSpan remaining)
    {
        var wait = Wait(turn - now);
        if (turn > now && remaining > wait * 2) return wait;
        _turns.Remove(deviceId);
        return null;
    }

    private TimeSpan Give_NeedsGate(string deviceId, DateTimeOffset now)
    {
        var turn = _next;
        if (_turns.Count >= MaxTurns) return Wait(turn - now);
        _next += TimeSpan.FromSeconds(1 / _perSecond);
        _turns[deviceId] = turn;
        _inOrder.Enqueue((deviceId, turn));
        return Wait(turn - now);
    }

    /// <summary>Who did not come for his turn has lost it.</summary>
    private void Forget_NeedsGate(DateTimeOffset now)
    {
        while (_inOrder.TryPeek(out var first) && first.At < now - Late)
        {
            _inOrder.Dequeue();
            if (_turns.TryGetValue(first.DeviceId, out var turn) && turn == first.At) _turns.Remove(first.DeviceId);
        }
    }

    /// <summary>Whole seconds, since that is what Retry-After holds (RFC 9110 10.2.3).</summary>
    private static TimeSpan Wait(TimeSpan until) => TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling(until.TotalSeconds)));
}
