using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>
/// Brings what the log holds to the tables, sorted by device and time, in large batches: inserted one by one as they come, each row would rewrite a
/// page of its own. Merging the same again changes nothing, so it may be killed at any point. It takes its time, because devices wait for the same disk.
/// </summary>
internal sealed class TelemetryMerger : IAsyncDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private readonly ITelemetryStore _store;
    private readonly IDbContextFactory<TelemetryDbContext> _databases;
    private readonly TelemetryTail _tail;
    private readonly TelemetryOptions _options;
    private readonly FleetNode _node;
    private readonly StorePatience _patience;
    private readonly TimeProvider _clock;
    private readonly ILogger<TelemetryMerger> _log;
    private readonly MergePace _pace = new();
    private readonly ManualResetEvent _hurry = new(false);
    private readonly CancellationTokenSource _givingUp = new();
    private readonly Channel<TaskCompletionSource?> _wake =
        Channel.CreateBounded<TaskCompletionSource?>(new BoundedChannelOptions(64) { SingleReader = true }); // full: those who ask wait, a tick is left out
    private TelemetryNode _self = null!;
    private volatile bool _stopping;
    private ITimer? _ticks;
    private Task? _loop;

    public TelemetryMerger(
        ITelemetryStore store, IDbContextFactory<TelemetryDbContext> databases, TelemetryTail tail, TelemetryOptions options, FleetNode node,
        StorePatience patience, TimeProvider clock, ILogger<TelemetryMerger> log) =>
        (_store, _databases, _tail, _options, _node, _patience, _clock, _log) = (store, databases, tail, options, node, patience, clock, log);

    /// <returns>The last id of this node that is in the tables.</returns>
    internal async Task<long> LoadAsync(CancellationToken ct)
    {
        await using var db = await _databases.CreateDbContextAsync(ct);
        var known = await db.Nodes.AsNoTracking().SingleOrDefaultAsync(node => node.Node == _node.Name, ct);
        if (known is null)
        {
            known = new TelemetryNode { Node = _node.Name };
            db.Nodes.Add(known);
            await db.SaveChangesAsync(ct);
        }
        if (known.MergedTo == 0) known.MergedTo = TelemetryNode.BeforeIdsOf(known.Ordinal);
        _self = known;
        await _store.ForgetLogAsync(known.MergedTo, ct);
        return known.MergedTo;
    }

    internal void Start()
    {
        _ticks = _clock.CreateTimer(_ => Wake(), null, _options.MergeEvery, _options.MergeEvery);
        // An embedded database blocks its caller, so the loop has a thread of its own and leaves the pool to the sockets.
        _loop = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    internal void Wake() => _wake.Writer.TryWrite(null);

    /// <summary>Completes when everything committed before the call is in the tables.</summary>
    internal async Task MergeNowAsync(CancellationToken ct)
    {
        var merged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _wake.Writer.WriteAsync(merged, ct);
        _hurry.Set();
        await merged.Task.WaitAsync(ct);
    }

    internal bool IsFull => _tail.Bytes > _options.MaxTailMegabytes * 1024L * 1024L;

    /// <summary>Waits while the log holds more than it may, which slows the devices down.</summary>
    internal async Task MakeRoomAsync(CancellationToken ct)
    {
        while (IsFull) await MergeNowAsync(ct);
    }

    internal async Task StopAsync()
    {
        if (_loop is null) return;
        _wake.Writer.TryComplete();
        _stopping = true;
        _hurry.Set();
        using var patience = _clock.CreateTimer(_ => _givingUp.Cancel(), null, StopPatience, Timeout.InfiniteTimeSpan);
        await _loop;
        if (_ticks is not null) await _ticks.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _givingUp.Dispose();
        _hurry.Dispose();
    }

    private void Run()
    {
        var asked = new List<TaskCompletionSource>();
        while (_wake.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            _hurry.Reset();
            while (_wake.Reader.TryRead(out var one))
            {
                if (one is not null) asked.Add(one);
            }
            if (asked.Count > 0) _hurry.Set();
            TryMerge(asked);
            asked.Clear();
        }
        TryMerge(asked); // what came last, so that the next start has nothing to take in
    }

    private void TryMerge(List<TaskCompletionSource> asked)
    {
        try
        {
            MergeAll(_givingUp.Token);
            foreach (var one in asked) one.SetResult();
        }
        catch (OperationCanceledException) when (_givingUp.IsCancellationRequested) // The log keeps it for the next start.
        {
            foreach (var one in asked) one.SetCanceled(_givingUp.Token);
        }
        catch (Exception error) // What does not mend itself by trying again. The part stays, in the log and in memory, and the next tick tries once more.
        {
            FleetLog.TelemetryNotMerged(_log, error);
            foreach (var one in asked) one.SetException(error);
        }
    }

    private void MergeAll(CancellationToken ct)
    {
        // Twice: what was being merged when somebody asked, and what had gathered behind it.
        for (var round = 0; round < 2 && _tail.Take() is { } part; round++)
        {
            Merge(part, ct);
            _self.MergedTo = part.LastId;
            _tail.Merged();
            Do(token => _store.ForgetLogAsync(part.LastId, token), ct);
        }
    }

    private void Merge(TelemetryTail.Part part, CancellationToken ct)
    {
        Do(token => NumberAsync([.. part.ByDevice.Values.Select(readings => readings[0].State)], token), ct);
        var slice = new SliceBuilder();
        foreach (var readings in part.ByDevice.Values.OrderBy(readings => readings[0].State.Number))
        {
            for (var taken = 0; taken < readings.Count;)
            {
                taken += slice.Add(readings, taken, _pace.Rows - slice.Rows);
                if (slice.Rows < _pace.Rows) continue;
                var started = _clock.GetTimestamp();
                Write(slice.Build(done: null), ct);
                Rest(_pace.After(slice.Rows, _clock.GetElapsedTime(started)));
                slice = new SliceBuilder();
            }
        }
        Write(slice.Build(new TelemetryNode { Ordinal = _self.Ordinal, Node = _self.Node, MergedTo = part.LastId }), ct);
    }

    private void Write(MergeSlice slice, CancellationToken ct) => Do(token => _store.MergeAsync(slice, token), ct);

    /// <summary>Blocks, as an embedded database does: the thread is this loop's own, and what follows belongs on it.</summary>
    private void Rest(TimeSpan rest)
    {
        if (_stopping || IsFull || _tail.Growing >= _options.MergeReadings) return; // It must not fall behind.
        _hurry.WaitOne(rest);
    }

    private void Do(Func<CancellationToken, Task> work, CancellationToken ct) =>
        OwnThread.Run(() => _patience.RunAsync(TelemetryFault.Merge, async token => await work(token), ct));

    /// <summary>Gives devices that send for the first time their number; another node may have done so just now.</summary>
    private async Task NumberAsync(List<DeviceState> states, CancellationToken ct)
    {
        foreach (var unknown in states.Where(state => state.Number == 0).Chunk(1_000))
        {
            await using var db = await _databases.CreateDbContextAsync(ct);
            var ids = unknown.Select(state => state.DeviceId).ToList();
            var rows = await db.Devices.Where(device => ids.Contains(device.DeviceId)).ToListAsync(ct);
            var missing = ids.Except(rows.Select(row => row.DeviceId), StringComparer.Ordinal).Select(id => new TelemetryDevice { DeviceId = id }).ToList();
            db.Devices.AddRange(missing);
            await db.SaveChangesAsync(ct);
            var numbers = rows.Concat(missing).ToDictionary(row => row.DeviceId, row => row.Number, StringComparer.Ordinal);
            foreach (var state in unknown) state.Number = numbers[state.DeviceId];
        }
    }
}
