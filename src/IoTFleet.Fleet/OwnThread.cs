namespace IoTFleet.Fleet;

/// <summary>
/// Runs asynchronous work to its end on the thread that asks, with what follows each await. For loops that have a thread of their own: a database over the network
/// answers on the threads that poll the sockets, which the server lets run what waits for them, and what a loop does next would hold up devices there.
/// </summary>
internal static class OwnThread
{
    public static void Run(Func<Task> work)
    {
        var before = SynchronizationContext.Current;
        var turns = new Turns();
        SynchronizationContext.SetSynchronizationContext(turns);
        try
        {
            var task = work();
            turns.RunUntil(task);
            task.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private sealed class Turns : SynchronizationContext
    {
        private readonly object _gate = new(); // A Lock cannot be waited at.
        private readonly Queue<(SendOrPostCallback Callback, object? State)> _waiting = [];
        private bool _hasEnded;

        public override void Post(SendOrPostCallback d, object? state)
        {
            lock (_gate)
            {
                if (!_hasEnded)
                {
                    _waiting.Enqueue((d, state));
                    Monitor.Pulse(_gate);
                    return;
                }
            }
            base.Post(d, state); // It outlived the work that began it: the pool's.
        }

        public void RunUntil(Task task)
        {
            if (!task.IsCompleted) _ = task.ContinueWith(_ => Wake(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            while (TryNext(task, out var next)) next.Callback(next.State);
        }

        private bool TryNext(Task task, out (SendOrPostCallback Callback, object? State) next)
        {
            lock (_gate)
            {
                while (_waiting.Count == 0 && !task.IsCompleted) Monitor.Wait(_gate);
                _hasEnded = !_waiting.TryDequeue(out next);
                return !_hasEnded;
            }
        }

        private void Wake()
        {
            lock (_gate) Monitor.Pulse(_gate);
        }
    }
}
