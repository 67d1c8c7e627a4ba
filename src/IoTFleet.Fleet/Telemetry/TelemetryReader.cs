using System.Runtime.CompilerServices;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry;

/// <param name="DeviceId">Whose readings.</param>
/// <param name="FromUs">The first time inside; microseconds since 1970.</param>
/// <param name="ToUs">The first time outside.</param>
/// <param name="After">Only what comes after this reading in the order asked for: its time and id.</param>
/// <param name="NewestFirst">The order; otherwise oldest first.</param>
public sealed record ReadingRange(
    string DeviceId, long FromUs = long.MinValue, long ToUs = long.MaxValue, (long TimeUs, long Id)? After = null, bool NewestFirst = false);

/// <summary>A device's state of affairs.</summary>
/// <param name="DeviceId">The device.</param>
/// <param name="LastReceivedUs">When its last message arrived.</param>
/// <param name="Latest">The newest value of each of its metrics.</param>
public sealed record DeviceLatest(string DeviceId, long LastReceivedUs, LatestValues Latest);

/// <summary>
/// Finds readings again, from the moment they are acknowledged: those of the tables, and those that wait in the log to be merged, as one.
/// All queries go through it.
/// </summary>
public sealed class TelemetryReader
{
    private static readonly Comparer<StoredReading> ByTime = Comparer<StoredReading>.Create((a, b) => (a.TimeUs, a.Id).CompareTo((b.TimeUs, b.Id)));

    private readonly IDbContextFactory<TelemetryDbContext> _databases;
    private readonly TelemetryTail _tail;

    internal TelemetryReader(IDbContextFactory<TelemetryDbContext> databases, TelemetryTail tail) => (_databases, _tail) = (databases, tail);

    /// <summary>A device's readings by time and, at the same time, in the order of storing. Streams: nothing is held but one row and what is not merged.</summary>
    public async IAsyncEnumerable<StoredReading> ReadAsync(ReadingRange range, [EnumeratorCancellation] CancellationToken ct)
    {
        var waiting = Waiting(range); // before the tables are asked: what is merged meanwhile is then found twice, and never not at all
        var twice = waiting.Select(reading => reading.Id).ToHashSet();
        var next = 0;
        await using var db = await _databases.CreateDbContextAsync(ct);
        await foreach (var row in Rows(db, range).AsAsyncEnumerable().WithCancellation(ct))
        {
            if (twice.Contains(row.Id)) continue;
            while (next < waiting.Count && Compare(range, waiting[next], row.TimeUs, row.Id) < 0) yield return waiting[next++];
            yield return Reading(range.DeviceId, row);
        }
        while (next < waiting.Count) yield return waiting[next++];
    }

    /// <summary>The newest values of devices; a device that never sent is left out. No order.</summary>
    public async Task<IReadOnlyList<DeviceLatest>> LatestAsync(IReadOnlyCollection<string> deviceIds, CancellationToken ct)
    {
        var waiting = deviceIds.Distinct(StringComparer.Ordinal).ToDictionary(id => id, _tail.Of, StringComparer.Ordinal);
        var found = new List<DeviceLatest>(deviceIds.Count);
        await using var db = await _databases.CreateDbContextAsync(ct);
        foreach (var ids in waiting.Keys.Chunk(1_000))
        {
            // Without what repetitions are known by, which is most of a row.
            var rows = await db.Devices.AsNoTracking().Where(device => ids.Contains(device.DeviceId))
                .Select(device => new { device.DeviceId, device.LastReceivedUs, device.Latest })
                .ToDictionaryAsync(device => device.DeviceId, device => new DeviceLatest(device.DeviceId, device.LastReceivedUs, LatestValues.FromBytes(device.Latest)), ct);
            foreach (var id in ids)
            {
                if (Latest(id, rows.GetValueOrDefault(id), waiting[id]) is { } latest) found.Add(latest);
            }
        }
        return found;
    }

    /// <summary>The devices last heard of, newest first.</summary>
    public async Task<IReadOnlyList<string>> LastHeardAsync(int count, CancellationToken ct)
    {
        var waiting = _tail.Devices().ToDictionary(id => id, id => _tail.Of(id).Select(reading => reading.ReceivedUs).DefaultIfEmpty().Max(), StringComparer.Ordinal);
        await using var db = await _databases.CreateDbContextAsync(ct);
        var rows = await db.Devices.AsNoTracking().OrderByDescending(device => device.LastReceivedUs).Take(count)
            .Select(device => new { device.DeviceId, device.LastReceivedUs }).ToListAsync(ct);
        foreach (var row in rows) waiting.TryAdd(row.DeviceId, row.LastReceivedUs);
        return [.. waiting.OrderByDescending(device => device.Value).Take(count).Select(device => device.Key)];
    }

    /// <summary>When each device was last heard; those that never sent are left out. Looks at every device: for a minute's work, not for each message.</summary>
    internal async Task<Dictionary<string, long>> HeardAsync(CancellationToken ct)
    {
        var waiting = _tail.Devices().ToDictionary(id => id, id => _tail.Of(id).Select(reading => reading.ReceivedUs).DefaultIfEmpty().Max(), StringComparer.Ordinal);
        await using var db = await _databases.CreateDbContextAsync(ct);
        var rows = await db.Devices.AsNoTracking().Select(device => new { device.DeviceId, device.LastReceivedUs }).ToListAsync(ct);
        foreach (var row in rows) waiting.TryAdd(row.DeviceId, row.LastReceivedUs);
        return waiting;
    }

    /// <summary>The hours in which a device has readings that may not be in the tables. To be asked before the tables are.</summary>
    internal HashSet<int> WaitingHours(string deviceId) => [.. _tail.Of(deviceId).Select(reading => Hours.Of(reading.TimeUs))];

    private List<StoredReading> Waiting(ReadingRange range)
    {
        var waiting = _tail.Of(range.DeviceId).FindAll(reading =>
            reading.TimeUs >= range.FromUs && reading.TimeUs < range.ToUs
            && (range.After is not { } after || Compare(range, reading, after.TimeUs, after.Id) > 0));
        waiting.Sort(ByTime);
        if (range.NewestFirst) waiting.Reverse();
        return waiting;
    }

    /// <summary>Which comes first in the order asked for.</summary>
    private static int Compare(ReadingRange range, StoredReading reading, long timeUs, long id)
    {
        var order = (reading.TimeUs, reading.Id).CompareTo((timeUs, id));
        return range.NewestFirst ? -order : order;
    }

    internal static IQueryable<TelemetryRow> Rows(TelemetryDbContext db, ReadingRange range)
    {
        var (device, from, to) = (range.DeviceId, range.FromUs, range.ToUs);
        var rows = db.Readings.AsNoTracking().Where(row =>
            row.Device == db.Devices.Where(known => known.DeviceId == device).Select(known => known.Number).FirstOrDefault() && row.TimeUs >= from && row.TimeUs < to);
        if (range.After is var (time, id))
        {
            // The first condition adds nothing to the answer; it lets the search begin at the position in the index.
            rows = range.NewestFirst
                ? rows.Where(row => row.TimeUs <= time && (row.TimeUs < time || row.Id < id))
                : rows.Where(row => row.TimeUs >= time && (row.TimeUs > time || row.Id > id));
        }
        return range.NewestFirst
            ? rows.OrderByDescending(row => row.TimeUs).ThenByDescending(row => row.Id)
            : rows.OrderBy(row => row.TimeUs).ThenBy(row => row.Id);
    }

    private static StoredReading Reading(string deviceId, TelemetryRow row) =>
        new(deviceId, row.Stream, row.TimeUs, row.Id, row.ReceivedUs, row.Sequence, row.ContentType, row.Body);

    private static DeviceLatest? Latest(string id, DeviceLatest? stored, List<StoredReading> waiting)
    {
        if (waiting.Count == 0) return stored;
        var latest = new LatestValues.Builder(stored?.Latest ?? LatestValues.None);
        foreach (var reading in waiting.Where(reading => reading.ContentType is null)) latest.Add(reading.Stream, reading.TimeUs, reading.Body.Span);
        return new DeviceLatest(id, waiting.Max(reading => reading.ReceivedUs), latest.Build());
    }
}
