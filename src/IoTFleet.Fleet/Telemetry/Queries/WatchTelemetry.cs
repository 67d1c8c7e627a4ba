using System.Runtime.CompilerServices;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <param name="Devices">Whose readings.</param>
/// <param name="Metrics">Which; readings without any of them are left out.</param>
public sealed record WatchTelemetryRequest(DeviceFilter Devices, MetricSelection Metrics);

public abstract record WatchedEvent
{
    private WatchedEvent() { }

    public sealed record Stored(StoredReading Reading) : WatchedEvent;

    /// <summary>So many messages of the fleet, whoever's, were too many at once and will not come.</summary>
    public sealed record Missed(long Messages) : WatchedEvent;

    /// <summary>It has begun, or nothing has come for a while.</summary>
    public sealed record Quiet : WatchedEvent;
}

public abstract record WatchTelemetryResult
{
    private WatchTelemetryResult() { }

    /// <summary>Ends when the watcher goes or may not any more.</summary>
    public sealed record Watching(IAsyncEnumerable<WatchedEvent> Events) : WatchTelemetryResult;
    public sealed record TooMany : WatchTelemetryResult;
    public sealed record UnknownDevice : WatchTelemetryResult;
    public sealed record Forbidden : WatchTelemetryResult;
}

/// <summary>What is stored, as it is stored.</summary>
public sealed class WatchTelemetry(TelemetryFeed feed, DeviceDirectory directory, TimeProvider clock)
{
    /// <summary>At once; each takes memory and time from storing.</summary>
    public const int MaxWatchers = 100;

    /// <summary>Messages that may wait for a watcher; what comes beyond is missed and counted.</summary>
    public const int Capacity = 4_096;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan QuietAfter = TimeSpan.FromSeconds(15);

    private int _watchers;

    /// <param name="actor">Who.</param>
    /// <param name="request">What.</param>
    /// <param name="stillMayAsync">Asked each second; the watching ends when it says no.</param>
    /// <param name="ending">Ends the watching without an exception, as the watcher's own token does.</param>
    /// <param name="ct">Ends the asking.</param>
    public async Task<WatchTelemetryResult> RunAsync(
        Actor actor, WatchTelemetryRequest request, Func<CancellationToken, Task<bool>> stillMayAsync, CancellationToken ending, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new WatchTelemetryResult.Forbidden();
        if (request.Devices.IsOneDevice && !await directory.IsKnownAsync(request.Devices.Ids[0], ct)) return new WatchTelemetryResult.UnknownDevice();
        if (Volatile.Read(ref _watchers) >= MaxWatchers) return new WatchTelemetryResult.TooMany();
        return new WatchTelemetryResult.Watching(EventsAsync(request, stillMayAsync, ending));
    }

    private async IAsyncEnumerable<WatchedEvent> EventsAsync(
        WatchTelemetryRequest request, Func<CancellationToken, Task<bool>> stillMayAsync, [EnumeratorCancellation] CancellationToken ct)
    {
        Interlocked.Increment(ref _watchers);
        try
        {
            using var watcher = feed.Watch(Capacity);
            using var ticks = new PeriodicTimer(Tick, clock);
            var (members, missed, since) = (new WatchedDevices(request.Devices, directory, clock), 0L, clock.GetTimestamp());
            var (tick, more) = (ticks.WaitForNextTickAsync(ct).AsTask(), watcher.Messages.WaitToReadAsync(ct).AsTask());
            yield return new WatchedEvent.Quiet(); // from here on nothing is left out
            while (!ct.IsCancellationRequested)
            {
                await Task.WhenAny(tick, more);
                if (ct.IsCancellationRequested) yield break;
                if (tick.IsCompleted)
                {
                    if (!await stillMayAsync(ct)) yield break;
                    if (clock.GetElapsedTime(since) >= QuietAfter)
                    {
                        yield return new WatchedEvent.Quiet();
                        since = clock.GetTimestamp();
                    }
                    tick = ticks.WaitForNextTickAsync(ct).AsTask();
                }
                if (!more.IsCompleted) continue;
                for (var taken = 0; taken < Capacity && watcher.Messages.TryRead(out var message); taken++)
                {
                    if (!request.Metrics.HasStream(message.Stream) || !await members.HasAsync(message.DeviceId, ct)) continue;
                    foreach (var reading in Readings(message, request.Metrics))
                    {
                        yield return new WatchedEvent.Stored(reading);
                        since = clock.GetTimestamp();
                    }
                }
                if (watcher.Missed is var now && now > missed)
                {
                    yield return new WatchedEvent.Missed(now - missed);
                    missed = now;
                }
                more = watcher.Messages.WaitToReadAsync(ct).AsTask();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _watchers);
        }
    }

    private static IEnumerable<StoredReading> Readings(TelemetryMessage message, MetricSelection metrics) => message.Readings
        .Select(reading => new StoredReading(
            message.DeviceId, message.Stream, EpochTime.ToMicroseconds(reading.Time), 0, EpochTime.ToMicroseconds(message.ReceivedAt), message.Sequence, message.ContentType, reading.Body))
        .Where(reading => ReadingValues.HasAny(reading, metrics));
}

/// <summary>Who belongs to a filter, asked once a minute for each device that is heard of.</summary>
internal sealed class WatchedDevices(DeviceFilter filter, DeviceDirectory directory, TimeProvider clock)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMinutes(1);

    private readonly HashSet<string> _ids = [.. filter.Ids];
    private readonly Dictionary<string, bool> _known = new(StringComparer.Ordinal);
    private long _since = clock.GetTimestamp();

    internal async ValueTask<bool> HasAsync(string device, CancellationToken ct)
    {
        if (_ids.Count > 0 && !_ids.Contains(device)) return false;
        if (filter.Group is null && filter.Tag is null) return true;
        if (clock.GetElapsedTime(_since) > AskAgainAfter)
        {
            _known.Clear();
            _since = clock.GetTimestamp();
        }
        if (!_known.TryGetValue(device, out var belongs))
            _known[device] = belongs = (await directory.PageAsync(filter with { Ids = [device] }, after: null, limit: 1, ct)).Count > 0;
        return belongs;
    }
}
