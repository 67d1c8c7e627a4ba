using System.Buffers;
using System.Threading.Channels;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry;

/// <summary>The message is not in the database, so it must not be acknowledged.</summary>
public sealed class TelemetryNotStoredException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Messages wait in a bounded queue for their <see cref="GroupCommit{T}"/>: a batch is one entry of the log, and its commit completes each message.
/// <code>
///   AcceptAsync -> queue -> known already? -> log (commit) -> tail, feed -> complete        TelemetryMerger: tail -> tables
/// </code>
/// While the database is away the batch is tried again until it is back: the queue fills, devices are slowed, and nothing is lost.
/// </summary>
public sealed class TelemetryIngest : IAsyncDisposable
{
    /// <summary>What one entry of the log may hold, about.</summary>
    private const int MaxEntryBytes = 4 * 1024 * 1024;

    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    private readonly Channel<Item> _waiting;
    private readonly ITelemetryStore _store;
    private readonly TelemetryOptions _options;
    private readonly TelemetryTail _tail;
    private readonly TelemetryMerger _merger;
    private readonly TelemetryFeed _feed;
    private readonly DeviceStates _states;
    private readonly StorePatience _patience;
    private readonly FleetMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ILogger<TelemetryIngest> _log;
    private readonly CancellationTokenSource _givingUp = new();
    private readonly ArrayBufferWriter<byte> _buffer = new(64 * 1024);
    private readonly HashSet<(string Device, ulong Key)> _keysOfBatch = [];
    private GroupCommit<Item>? _commits;
    private Task _told = Task.CompletedTask;
    private long _nextId;

    internal TelemetryIngest(
        ITelemetryStore store, TelemetryOptions options, IDbContextFactory<TelemetryDbContext> databases, TelemetryTail tail, TelemetryMerger merger,
        TelemetryFeed feed, StorePatience patience, FleetMetrics metrics, TimeProvider clock, ILogger<TelemetryIngest> log)
    {
        options.Validate();
        (_store, _options, _tail, _merger, _feed, _patience, _metrics, _clock, _log) = (store, options, tail, merger, feed, patience, metrics, clock, log);
        // Synchronous: the commit's thread is woken by whoever brings a message, and not by way of the pool.
        _waiting = Channel.CreateBounded<Item>(new BoundedChannelOptions(options.Capacity) { SingleReader = true, AllowSynchronousContinuations = true });
        _states = new DeviceStates(databases, options, clock);
    }

    /// <summary>Messages that were given room.</summary>
    public long Accepted => _metrics.TelemetryAccepted;

    /// <summary>Messages committed.</summary>
    public long Stored => _metrics.TelemetryStored;

    /// <summary>Commits.</summary>
    public long Batches => _metrics.TelemetryBatches;

    /// <summary>Messages given up, because the server stopped while its database was away.</summary>
    public long Failed => _metrics.TelemetryFailed;

    /// <summary>Nothing is stored until some of what is committed is in the tables: memory holds as much of it as it may.</summary>
    public bool WaitsForMerge => _merger.IsFull;

    /// <summary>Takes in what an earlier run has committed and not merged, and begins to store. Before a port is opened.</summary>
    public async Task StartAsync(CancellationToken ct)
    {
        _nextId = await _merger.LoadAsync(ct) + 1;
        _keysOfBatch.Clear();
        for (var entries = await NextEntriesAsync(ct); entries.Count > 0; entries = await NextEntriesAsync(ct))
        {
            foreach (var entry in entries) await TakeInAsync(entry, ct);
        }
        _commits = new GroupCommit<Item>(_waiting.Reader, _options.MaxBatch, Store, new Gathering(_options.GatherFor, _clock));
        _merger.Start();
    }

    private Task<IReadOnlyList<LogEntry>> NextEntriesAsync(CancellationToken ct) => _store.ReadLogAsync(_nextId - 1, limit: 16, ct);

    private async Task TakeInAsync(LogEntry entry, CancellationToken ct)
    {
        var messages = LogFormat.Read(entry).ConvertAll(message => (Message: message, Key: RecentKeys.KeyOf(message)));
        await _states.LoadAsync(messages.Select(stored => stored.Message.DeviceId), ct);
        _nextId = entry.Id;
        // Twice only after a commit that was given up and had succeeded. What the device's keys say is no help: they may have been written after this entry.
        Remember(messages.FindAll(stored => stored.Key is not { } key || _keysOfBatch.Add((stored.Message.DeviceId, key))));
        _nextId = entry.Id + entry.Count;
    }

    /// <summary>
    /// Waits for room only. The task it yields completes when the message is committed,
    /// and faults with <see cref="TelemetryNotStoredException"/> when it will not be.
    /// </summary>
    public async ValueTask<Task> AcceptAsync(TelemetryMessage message, CancellationToken ct)
    {
        var item = new Item(message);
        try
        {
            if (!_waiting.Writer.TryWrite(item)) await WaitForRoomAsync(item, ct);
            _metrics.CountTelemetryAccepted();
        }
        catch (ChannelClosedException)
        {
            item.SetException(new TelemetryNotStoredException("The server is stopping and takes no more telemetry."));
        }
        return item.Task;
    }

    private async Task WaitForRoomAsync(Item item, CancellationToken ct)
    {
        await _waiting.Writer.WriteAsync(item, ct);
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // Room is made by the commit's thread, which has better to do than to go on here.
    }

    /// <summary>For a message that nobody waits for: dropped and counted when there is no room.</summary>
    public bool TryAccept(TelemetryMessage message)
    {
        if (_waiting.Writer.TryWrite(new Item(message)))
        {
            _metrics.CountTelemetryAccepted();
            return true;
        }
        _metrics.CountTelemetryDropped();
        return false;
    }

    /// <summary>Takes nothing more, and ends when everything taken is stored and merged, or given up after some seconds without a database.</summary>
    public async Task StopAsync()
    {
        _waiting.Writer.TryComplete();
        using var patience = _clock.CreateTimer(_ => _givingUp.Cancel(), null, StopPatience, Timeout.InfiniteTimeSpan);
        if (_commits is not null) await _commits.Ended;
        await _told;
        await _merger.StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _givingUp.Dispose();
    }

    private void Store(List<Item> batch)
    {
        var started = _clock.GetTimestamp();
        try
        {
            OwnThread.Run(() => StoreAsync(batch, _givingUp.Token));
            _metrics.CountTelemetryCommit(_clock.GetElapsedTime(started));
        }
        catch (Exception error) // Whatever it was, and mostly the server stops: what is not complete yet is not stored as far as we know.
        {
            GiveUp(batch.FindAll(item => !item.IsTold), error);
        }
    }

    private async Task StoreAsync(List<Item> batch, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        await _merger.MakeRoomAsync(ct);
        await _patience.RunAsync(TelemetryFault.Log, async token => await _states.LoadAsync(batch.Select(item => item.Message.DeviceId), token), ct);
        var again = new List<Item>();
        foreach (var part in Parts(batch, again)) await AppendAsync(part, ct);
        Tell(again); // Their firsts are stored, some perhaps just now.
        _metrics.CountTelemetryRepeated(again.Count);
        _states.Sweep(_tail.Has);
    }

    /// <summary>What is new, in parts that fit into an entry of the log each.</summary>
    private IEnumerable<List<Item>> Parts(List<Item> batch, List<Item> again)
    {
        _keysOfBatch.Clear();
        var part = new List<Item>();
        var bytes = 0;
        foreach (var item in batch)
        {
            if (IsAgain(item)) again.Add(item);
            else
            {
                part.Add(item);
                foreach (var reading in item.Message.Readings) bytes += reading.Body.Length;
            }
            if (bytes < MaxEntryBytes) continue;
            yield return part;
            (part, bytes) = ([], 0);
        }
        if (part.Count > 0) yield return part;
    }

    private bool IsAgain(Item item)
    {
        item.Key = RecentKeys.KeyOf(item.Message);
        return item.Key is { } key && (_states[item.Message.DeviceId].Recent.Contains(key) || !_keysOfBatch.Add((item.Message.DeviceId, key)));
    }

    private async Task AppendAsync(List<Item> part, CancellationToken ct)
    {
        var entry = LogFormat.Write(_nextId, part.ConvertAll(item => item.Message), _buffer);
        try
        {
            await _patience.RunAsync(TelemetryFault.Log, async token => await _store.AppendAsync(entry, token), ct);
        }
        catch
        {
            _nextId += entry.Count; // It may be in the log after all, and another entry must never be taken for it.
            throw;
        }
        Remember(part.ConvertAll(item => (item.Message, item.Key)));
        _feed.Publish(part.ConvertAll(item => item.Message));
        _metrics.CountTelemetryStored(part.Count);
        Tell(part);
    }

    /// <summary>What is in the log is found by readers, and known when it comes again.</summary>
    private void Remember(List<(TelemetryMessage Message, ulong? Key)> stored)
    {
        var readings = new List<TailReading>(stored.Count);
        foreach (var (message, key) in stored)
        {
            var state = _states[message.DeviceId];
            if (key is { } known) state.Recent.Add(known);
            var received = EpochTime.ToMicroseconds(message.ReceivedAt);
            foreach (var reading in message.Readings)
            {
                readings.Add(new TailReading(state, new StoredReading(
                    message.DeviceId, message.Stream, EpochTime.ToMicroseconds(reading.Time), _nextId++, received, message.Sequence, message.ContentType, reading.Body)));
            }
        }
        _tail.Add(readings);
        if (_tail.Growing >= _options.MergeReadings) _merger.Wake();
    }

    /// <summary>
    /// One work item for all of them, instead of one each for the pool to wake its threads for. From the last to the first, because a connection awaits its
    /// messages in order: it goes on once, when its first is complete, and finds the others complete, and their acknowledgements leave together.
    /// </summary>
    private void Tell(List<Item> items, Exception? problem = null)
    {
        if (items.Count == 0) return;
        foreach (var item in items) item.IsTold = true;
        var told = Task.Run(() =>
        {
            for (var i = items.Count - 1; i >= 0; i--)
            {
                if (problem is null) items[i].SetResult();
                else items[i].SetException(problem);
            }
        });
        _told = _told.IsCompleted ? told : Task.WhenAll(_told, told);
    }

    private void GiveUp(List<Item> items, Exception error)
    {
        _metrics.CountTelemetryFailed(items.Count);
        FleetLog.TelemetryNotStored(_log, items.Count, error);
        var reason = new TelemetryNotStoredException("The database did not take the message; see the server's log.", error);
        Tell(items, reason);
    }

    /// <summary>A message and its completion; whoever awaits it goes on at once, in the work item of <see cref="Tell"/>.</summary>
    private sealed class Item(TelemetryMessage message) : TaskCompletionSource
    {
        internal TelemetryMessage Message => message;

        internal ulong? Key { get; set; }

        /// <summary>What became of it is known, and is being told. The writer's thread's.</summary>
        internal bool IsTold { get; set; }
    }
}
