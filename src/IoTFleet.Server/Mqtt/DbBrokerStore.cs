using System.Diagnostics.Metrics;
using System.Threading.Channels;
using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Sessions;
using Polly;

namespace IoTFleet.Server.Mqtt;

/// <summary>A unit of sessions' changes is not in the database, so nothing that waits for it may happen.</summary>
internal sealed class SessionsNotStoredException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// What the broker keeps, in the sessions' database: units wait for their <see cref="GroupCommit{T}"/>, which writes many of them in one transaction.
/// </summary>
internal sealed class DbBrokerStore : IBrokerStore, IAsyncDisposable
{
    private const int MaxBatch = 1_000;
    private const int Retries = 5;

    /// <summary>
    /// Not bounded here, because appending may not block. Bounded by who waits: a connection has <c>Broker:ReceiveMaximum</c> messages and requests on
    /// their way, and what is written without waiting ends what was written before: a delivery, a connection.
    /// </summary>
    private readonly Channel<Unit> _waiting = Channel.CreateUnbounded<Unit>(new UnboundedChannelOptions { SingleReader = true });
    private readonly SessionsDatabase _database;
    private readonly TimeProvider _clock;
    private readonly ILogger<DbBrokerStore> _logger;
    private readonly ResiliencePipeline _retry;
    private readonly Meter _meter = new("iotfleet.sessions");
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _commitDuration;
    private readonly GroupCommit<Unit> _commits;
    private SessionRowWriter? _writer;
    private long _committed;

    public DbBrokerStore(SessionsDatabase database, TimeProvider clock, ILogger<DbBrokerStore> logger)
    {
        (_database, _clock, _logger) = (database, clock, logger);
        _batchSize = _meter.CreateHistogram<int>("iotfleet.sessions.batch", "{unit}", "Units in one transaction.");
        _commitDuration = _meter.CreateHistogram<double>("iotfleet.sessions.commit", "s", "From taking a batch to its commit.");
        _retry = GroupCommit<Unit>.Retry(Retries, database.IsTransient, (attempt, error) => logger.SessionsRetried(attempt, Retries, error.Message), clock);
        _commits = new GroupCommit<Unit>(_waiting.Reader, MaxBatch, Store);
    }

    /// <summary>Transactions committed.</summary>
    public long Commits => Interlocked.Read(ref _committed);

    public async Task<StoredBroker> LoadAsync(CancellationToken cancellationToken)
    {
        await _database.MigrateAsync(cancellationToken);
        await using var db = _database.Open();
        return await SessionRowReader.ReadAsync(db, cancellationToken);
    }

    public Task AppendAsync(IReadOnlyList<StoreChange> changes)
    {
        var unit = new Unit(changes);
        if (!_waiting.Writer.TryWrite(unit)) unit.SetException(new SessionsNotStoredException("The server is stopping and stores no more sessions."));
        return unit.Task;
    }

    /// <summary>Takes nothing more, and ends when everything taken is stored or given up.</summary>
    public async Task StopAsync()
    {
        _waiting.Writer.TryComplete();
        await _commits.Ended;
        Forget();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _meter.Dispose();
    }

    private void Store(List<Unit> batch)
    {
        var started = _clock.GetTimestamp();
        if (TryWrite(batch) is { } problem)
        {
            // One unit that the database does not take must not take others with it. A database that is busy takes none of them, and has been asked often enough.
            if (batch.Count > 1 && !_database.IsTransient(problem)) batch.ForEach(unit => Store([unit]));
            else batch.ForEach(unit => GiveUp(unit, problem));
            return;
        }

        Interlocked.Increment(ref _committed);
        _batchSize.Record(batch.Count);
        _commitDuration.Record(_clock.GetElapsedTime(started).TotalSeconds);
        foreach (var unit in batch) unit.SetResult();
    }

    /// <returns>Null when all of it is durable; otherwise none of it is.</returns>
    private Exception? TryWrite(List<Unit> batch)
    {
        try
        {
            _retry.Execute(() => Write(batch));
            return null;
        }
        catch (Exception error)     // whatever the database said: those who wait are told, and the next batch has its own chance
        {
            return error;
        }
    }

    private void Write(List<Unit> batch)
    {
        try
        {
            _writer ??= new SessionRowWriter(_database.Open());
            _writer.Write(batch.SelectMany(unit => unit.Changes));
        }
        catch
        {
            Forget();       // a connection that has seen an error is not used again
            throw;
        }
    }

    private void GiveUp(Unit unit, Exception problem)
    {
        _logger.SessionsNotStored(problem, unit.Changes.Count);
        unit.SetException(new SessionsNotStoredException("The database did not take it; see the server's log.", problem));
    }

    private void Forget()
    {
        _writer?.Dispose();
        _writer = null;
    }

    /// <summary>A unit and its completion, whose awaiters run on the pool and never on the writer's thread.</summary>
    private sealed class Unit(IReadOnlyList<StoreChange> changes) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public IReadOnlyList<StoreChange> Changes => changes;
    }
}
