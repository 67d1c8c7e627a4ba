namespace IoTFleet.Fleet;

/// <summary>What waits for the <see cref="FleetWriter"/>: work, then a result that is told once it is committed.</summary>
internal abstract class WriteUnit
{
    private const int Waiting = 0;
    private const int Started = 1;
    private const int Cancelled = 2;

    private int _state = Waiting;

    /// <summary>False when whoever asked has gone away.</summary>
    internal bool TryStart() => Interlocked.CompareExchange(ref _state, Started, Waiting) == Waiting;

    internal void CancelIfWaiting()
    {
        if (Interlocked.CompareExchange(ref _state, Cancelled, Waiting) == Waiting) OnCancelled();
    }

    /// <returns>Whether what it wrote stands. It does not throw.</returns>
    internal abstract Task<bool> RunAsync(FleetDbContext db);

    internal abstract void Complete();

    internal abstract void Fail(Exception error);

    private protected abstract void OnCancelled();
}

/// <summary>Its awaiters run on the pool and never on the writer's thread.</summary>
internal sealed class WriteUnit<T>(Func<FleetDbContext, CancellationToken, Task<T>> work, Func<T, bool> keep, CancellationToken ct) : WriteUnit
{
    private readonly TaskCompletionSource<T> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private Exception? _error;

    internal Task<T> Task => _told.Task;

    internal override async Task<bool> RunAsync(FleetDbContext db)
    {
        try
        {
            _result = await work(db, ct);
            if (!keep(_result)) return false;
            await db.SaveChangesAsync(ct);
            return true;
        }
        catch (Exception error) // It is told to whoever brought the unit; the units beside it go on.
        {
            _error = error;
            return false;
        }
    }

    internal override void Complete()
    {
        if (_error is OperationCanceledException && ct.IsCancellationRequested) _told.TrySetCanceled(ct);
        else if (_error is { } error) _told.TrySetException(error);
        else _told.TrySetResult(_result!);
    }

    internal override void Fail(Exception error) => _told.TrySetException(_error ?? error);

    private protected override void OnCancelled() => _told.TrySetCanceled(ct);
}
