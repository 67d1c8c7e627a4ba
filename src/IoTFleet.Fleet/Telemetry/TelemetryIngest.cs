using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace IoTFleet.Fleet.Telemetry;

public sealed record TelemetryOptions
{
    public const int MaxCapacity = 1_000_000;

    /// <summary>Messages waiting to be stored; when full, whoever brings one more waits, and so do the devices behind it.</summary>
    public int Capacity { get; init; } = 10_000;

    /// <summary>Messages stored in one transaction, at most.</summary>
    public int MaxBatch { get; init; } = 1_000;

    /// <summary>How often a batch is tried again when the database is busy, before its messages are given up.</summary>
    public int MaxRetries { get; init; } = 5;

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        Check(nameof(Capacity), Capacity, 1, MaxCapacity);
        Check(nameof(MaxBatch), MaxBatch, 1, Capacity);
        Check(nameof(MaxRetries), MaxRetries, 1, 100);
    }

    private static void Check(string setting, int value, int min, int max)
    {
        if (value < min || value > max) throw new ArgumentException($"Telemetry:{setting} must be between {min} and {max}, but is {value}.");
    }
}

/// <summary>The message is not in the database, so it must not be acknowledged.</summary>
public sealed class TelemetryNotStoredException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Group commit. Messages wait in a bounded queue; one thread takes what has gathered while it wrote the last batch,
/// writes it in one transaction and completes each message. No timer: an idle ingest commits a single message at once.
/// Runs from its making until it is stopped, which stores everything accepted before.
/// </summary>
public sealed class TelemetryIngest : IAsyncDisposable
{
    private readonly Channel<Item> _waiting;
    private readonly ITelemetryWriter _writer;
    private readonly ResiliencePipeline _retry;
    private readonly FleetMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ILogger<TelemetryIngest> _log;
    private readonly int _maxBatch;
    private readonly Task _loop;

    public TelemetryIngest(
        ITelemetryWriter writer, TelemetryOptions options, FleetMetrics metrics, TimeProvider clock, ILogger<TelemetryIngest> log)
    {
        options.Validate();
        (_writer, _metrics, _clock, _log, _maxBatch) = (writer, metrics, clock, log, options.MaxBatch);
        _waiting = Channel.CreateBounded<Item>(new BoundedChannelOptions(options.Capacity) { SingleReader = true });
        _retry = new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(Retries(options)).Build();
        // A database call blocks for the length of a disk flush, so the loop has a thread of its own and leaves the pool to the sockets.
        _loop = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Messages that were given room.</summary>
    public long Accepted => _metrics.TelemetryAccepted;

    /// <summary>Messages committed.</summary>
    public long Stored => _metrics.TelemetryStored;

    /// <summary>Transactions committed.</summary>
    public long Batches => _metrics.TelemetryBatches;

    /// <summary>Messages given up.</summary>
    public long Failed => _metrics.TelemetryFailed;

    /// <summary>
    /// Waits for room only. The task it yields completes when the message is committed,
    /// and faults with <see cref="TelemetryNotStoredException"/> when it will not be.
    /// </summary>
    public async ValueTask<Task> AcceptAsync(TelemetryPoint point, CancellationToken ct)
    {
        var item = new Item(point);
        try
        {
            await _waiting.Writer.WriteAsync(item, ct);
            _metrics.CountTelemetryAccepted();
        }
        catch (ChannelClosedException)
        {
            item.SetException(new TelemetryNotStoredException("The server is stopping and takes no more telemetry."));
        }
        return item.Task;
    }

    /// <summary>Takes nothing more, and ends when everything taken is stored or given up.</summary>
    public async Task StopAsync()
    {
        _waiting.Writer.TryComplete();
        await _loop;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private void Run()
    {
        var batch = new List<Item>(_maxBatch);
        while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (batch.Count < _maxBatch && _waiting.Reader.TryRead(out var item)) batch.Add(item);
            Store(batch);
            batch.Clear();
        }
    }

    private void Store(List<Item> batch)
    {
        var started = _clock.GetTimestamp();
        try
        {
            var points = batch.ConvertAll(item => item.Point);
            _retry.ExecuteAsync(async ct => await _writer.WriteAsync(points, ct), CancellationToken.None).AsTask().GetAwaiter().GetResult();
        }
        catch (Exception error) // Whatever the database said: these messages are not stored, and the next batch has its own chance.
        {
            GiveUp(batch, error);
            return;
        }
        _metrics.CountTelemetryStored(batch.Count, _clock.GetElapsedTime(started));
        foreach (var item in batch) item.SetResult();
    }

    private void GiveUp(List<Item> batch, Exception error)
    {
        _metrics.CountTelemetryFailed(batch.Count);
        FleetLog.TelemetryNotStored(_log, batch.Count, error);
        var reason = new TelemetryNotStoredException("The database did not take the message; see the server's log.", error);
        foreach (var item in batch) item.SetException(reason);
    }

    private RetryStrategyOptions Retries(TelemetryOptions options) => new()
    {
        ShouldHandle = outcome => ValueTask.FromResult(outcome.Outcome.Exception is { } error && _writer.IsTransient(error)),
        MaxRetryAttempts = options.MaxRetries,
        BackoffType = DelayBackoffType.Exponential,
        Delay = TimeSpan.FromMilliseconds(50),
        MaxDelay = TimeSpan.FromSeconds(1),
        UseJitter = true,
        OnRetry = attempt =>
        {
            FleetLog.TelemetryRetried(_log, attempt.AttemptNumber + 1, options.MaxRetries, attempt.Outcome.Exception!.Message);
            return ValueTask.CompletedTask;
        },
    };

    /// <summary>A message and its completion, whose awaiters run on the pool and never on the writer's thread.</summary>
    private sealed class Item(TelemetryPoint point) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TelemetryPoint Point => point;
    }
}
