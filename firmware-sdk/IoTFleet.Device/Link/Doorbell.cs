using System.Threading.Tasks.Sources;

namespace IoTFleet.Device.Link;

/// <summary>
/// Tells a loop that there is something to do. Rings while nobody listens are kept as one; one may listen at a time. Its own task source, because each message
/// rings twice and a channel would allocate each time.
/// </summary>
internal sealed class Doorbell : IValueTaskSource
{
    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<bool> _heard = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancelling;
    private bool _rung;
    private bool _isAwaited;

    public void Ring()
    {
        lock (_gate)
        {
            _rung |= !_isAwaited;
            if (!_isAwaited)
                return;
            _isAwaited = false;
        }

        _heard.SetResult(true);
    }

    public ValueTask WaitAsync(CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellation);
        lock (_gate)
        {
            if (_rung)
            {
                _rung = false;
                return ValueTask.CompletedTask;
            }

            _heard.Reset();
            _isAwaited = true;
        }

        _cancelling = cancellation.UnsafeRegister(static (bell, token) => ((Doorbell)bell!).GiveUp(token), this);
        return new ValueTask(this, _heard.Version);
    }

    void IValueTaskSource.GetResult(short token)
    {
        _cancelling.Dispose();                                 // waits for a GiveUp that is under way, which must not meet the next wait
        _heard.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _heard.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _heard.OnCompleted(continuation, state, token, flags);

    private void GiveUp(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!_isAwaited)
                return;
            _isAwaited = false;
        }

        _heard.SetException(new OperationCanceledException(cancellation));
    }
}
