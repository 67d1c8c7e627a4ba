namespace IoTFleet.Server.Doors;

/// <summary>
/// Whose handshake may begin: so many in a second, so many at one time, first come first served. A fleet that comes back all at once is let in at a pace
/// that leaves the processor to those who are in already.
/// </summary>
internal sealed class HandshakeTurns : IDisposable
{
    private const double SecondsHeld = 0.1;     // as many may begin at once after a quiet moment

    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private readonly int _perSecond;
    private readonly int _atOnce;
    private readonly TimeProvider _clock;
    private readonly ITimer _next;
    private double _turns;
    private long _filledAt;
    private int _underWay;

    public HandshakeTurns(int perSecond, int atOnce, TimeProvider clock)
    {
        (_perSecond, _atOnce, _clock) = (perSecond, atOnce, clock);
        (_turns, _filledAt) = (MostTurns, clock.GetTimestamp());
        _next = clock.CreateTimer(static turns => ((HandshakeTurns)turns!).Grant(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Handshakes under way.</summary>
    public int UnderWay => Volatile.Read(ref _underWay);

    private double MostTurns => Math.Max(1, _perSecond * SecondsHeld);

    /// <summary>Waits for a turn, which must be given back by <see cref="Leave"/>.</summary>
    /// <exception cref="OperationCanceledException">It took too long; there is nothing to give back.</exception>
    public async ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate) _waiting.Enqueue(turn);
        Grant();
        if (turn.Task.IsCompleted) return;
        await using var cancelled = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
    }

    public void Leave()
    {
        lock (_gate) _underWay--;
        Grant();
    }

    public void Dispose() => _next.Dispose();

    private void Grant()
    {
        lock (_gate)
        {
            Fill_NeedsGate();
            while (_underWay < _atOnce && _turns >= 1 && _waiting.TryDequeue(out var turn))
            {
                if (!turn.TrySetResult()) continue;     // he has given up waiting
                _turns--;
                _underWay++;
            }

            if (_waiting.Count > 0 && _turns < 1) _next.Change(TimeSpan.FromSeconds((1 - _turns) / _perSecond) + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        }
    }

    private void Fill_NeedsGate()
    {
        var elapsed = _clock.GetElapsedTime(_filledAt).TotalSeconds;
        _filledAt = _clock.GetTimestamp();
        _turns = Math.Min(_turns + elapsed * _perSecond, MostTurns);
    }
}
