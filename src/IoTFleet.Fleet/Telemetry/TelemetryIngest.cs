using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Polly;

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
/// Messages wait in a bounded queue for their <see cref="GroupCommit{T}"/>: a batch is written in one transaction, and completes each message.
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
    private readonly GroupCommit<Item> _commits;

    public TelemetryIngest(
        ITelemetryWriter writer, TelemetryOptions options, FleetMetrics metrics, TimeProvider clock, ILogger<TelemetryIngest> log)
    {
        options.Validate();
        (_writer, _metrics, _clock, _log) = (writer, metrics, clock, log);
        _waiting = Channel.CreateBounded<Item>(new BoundedChannelOptions(options.Capacity) { SingleReader = true });
        _retry = GroupCommit<Item>.Retry(
            options.MaxRetries, writer.IsTransient, (attempt, error) => FleetLog.TelemetryRetried(log, attempt, options.MaxRetries, error.Message), clock);
        _commits = new GroupCommit<Item>(_waiting.Reader, options.MaxBatch, Store);
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
        await _commits.Ended;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

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

    /// <summary>A message and its completion, whose awaiters run on the pool and never on the writer's thread.</summary>
    private sealed class Item(TelemetryPoint point) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TelemetryPoint Point => point;
    }
}
