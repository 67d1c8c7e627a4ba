using System.Threading.Channels;
using Polly;
using Polly.Retry;

namespace IoTFleet.Fleet;

/// <summary>
/// One thread takes what has gathered while it stored the last batch, and stores that: when nothing waits, a single item is stored at once; a busy moment
/// makes a larger batch. Whoever says so lets a steady stream gather a little longer. Runs from its making until its channel is completed and empty.
/// </summary>
public sealed class GroupCommit<T>
{
    private readonly ChannelReader<T> _waiting;
    private readonly int _maxBatch;
    private readonly Action<List<T>> _store;
    private readonly Gathering? _gathering;
    private readonly Task _loop;

    /// <param name="waiting">Items in the order in which they are to be stored. To gather they must be countable.</param>
    /// <param name="maxBatch">Items stored at once, at most.</param>
    /// <param name="store">Stores a batch and tells those who wait, also when it fails; it does not throw. Called by one thread.</param>
    /// <param name="gathering">Null: whatever is there is stored at once.</param>
    public GroupCommit(ChannelReader<T> waiting, int maxBatch, Action<List<T>> store, Gathering? gathering = null)
    {
        (_waiting, _maxBatch, _store, _gathering) = (waiting, maxBatch, store, gathering);
        // A database call blocks for the length of a disk flush, so the loop has a thread of its own and leaves the pool to the sockets.
        _loop = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Completes when everything has been stored or given up; the channel must have been completed.</summary>
    public Task Ended => _loop;

    /// <summary>Tries again what failed for a reason that passes: another writer in the way.</summary>
    public static ResiliencePipeline Retry(int times, Func<Exception, bool> isTransient, Action<int, Exception> retried, TimeProvider clock) =>
        new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = outcome => ValueTask.FromResult(outcome.Outcome.Exception is { } error && isTransient(error)),
            MaxRetryAttempts = times,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(50),
            MaxDelay = TimeSpan.FromSeconds(1),
            UseJitter = true,
            OnRetry = attempt =>
            {
                retried(attempt.AttemptNumber + 1, attempt.Outcome.Exception!);
                return ValueTask.CompletedTask;
            },
        }).Build();

    private void Run()
    {
        var batch = new List<T>(_maxBatch);
        while (_waiting.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (batch.Count < _maxBatch && _waiting.TryRead(out var item)) batch.Add(item);
            _gathering?.Taken(batch.Count);
            _store(batch);
            batch.Clear();
            _gathering?.Wait(_waiting.Count);
        }
        _gathering?.Dispose();
    }
}
