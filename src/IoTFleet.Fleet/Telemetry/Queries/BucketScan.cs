using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>
/// Gathers a span of time of some devices: whole hours from hour rollups, whole minutes from minute rollups, the rest from readings.
/// An hour that is marked, or that has readings waiting in the log, is its rollup and the readings that this does not hold. That is exact whenever a merge or
/// a rollup comes in between, because the log is looked at first, then the marks, then the rollups, and last the readings.
/// </summary>
internal sealed class BucketScan(IDbContextFactory<TelemetryDbContext> databases, TelemetryReader reader, BucketAccumulators found)
{
    /// <param name="devices">Some, of which the marks fit into memory.</param>
    /// <param name="parts">Which times from where.</param>
    /// <param name="ct">Ends it.</param>
    internal async Task RunAsync(IReadOnlyList<string> devices, BucketParts parts, CancellationToken ct)
    {
        foreach (var device in devices)
        {
            foreach (var part in parts.Readings) await AddReadingsAsync(device, part, _ => false, ct);
        }
        if (parts.Minutes.Count == 0 && parts.Hours.IsEmpty) return;
        var open = devices.ToDictionary(device => device, reader.WaitingHours, StringComparer.Ordinal);
        var known = await NumbersAsync(devices, ct);
        await AddStaleAsync(known, open, parts, ct);
        foreach (var part in parts.Minutes) await AddMinutesAsync(known, open, part, ct);
        if (!parts.Hours.IsEmpty) await AddHoursAsync(known, open, parts.Hours, ct);
    }

    /// <summary>From readings alone.</summary>
    /// <returns>False when rollups tell of readings that are not kept any more.</returns>
    internal async Task<bool> TryReadingsAsync(IReadOnlyList<string> devices, TimeSpanUs span, CancellationToken ct)
    {
        var rolled = new Dictionary<(string, int), Coverage>();
        var hours = BucketParts.Of(span, Hours.HourUs, withMinutes: false).Hours;
        if (!hours.IsEmpty)
            await EachHourAsync(await NumbersAsync(devices, ct), hours, (device, hour, block) => rolled[(device, hour)] = Coverage.Of(block), ct);

        var missing = rolled.Values.Sum(held => held.Rows);
        foreach (var device in devices)
        {
            await AddReadingsAsync(device, span, reading =>
            {
                if (rolled.TryGetValue((device, Hours.Of(reading.TimeUs)), out var held) && held.Has(reading.Id)) missing--;
                return false;
            }, ct);
        }
        return missing <= 0;
    }

    private async Task AddMinutesAsync(Dictionary<int, string> known, Dictionary<string, HashSet<int>> open, TimeSpanUs part, CancellationToken ct)
    {
        var (numbers, first, last) = (known.Keys.ToArray(), Hours.Of(part.FromUs), Hours.Of(part.ToUs - 1));
        var held = new Dictionary<(string, int), Coverage>();
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            var rows = numbers is [var one]
                ? db.Minutes.AsNoTracking().Where(row => row.Device == one && row.Hour >= first && row.Hour <= last)
                : db.Minutes.AsNoTracking().Where(row => numbers.Contains(row.Device) && row.Hour >= first && row.Hour <= last);
            await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(ct)) Take(row);
        }
        await AddOpenAsync(open, held, part, ct);

        void Take(MinuteRollup row)
        {
            if (open[known[row.Device]].Contains(row.Hour)) held[(known[row.Device], row.Hour)] = Coverage.Of(row.Data);
            found.AddMinutes(Coverage.Behind(row.Data), Hours.StartOf(row.Hour), part.FromUs, part.ToUs);
        }
    }

    private async Task AddHoursAsync(Dictionary<int, string> known, Dictionary<string, HashSet<int>> open, TimeSpanUs part, CancellationToken ct)
    {
        var held = new Dictionary<(string, int), Coverage>();
        await EachHourAsync(known, part, (device, hour, block) =>
        {
            if (open[device].Contains(hour)) held[(device, hour)] = Coverage.Of(block);
            found.AddHour(Coverage.Behind(block), Hours.StartOf(hour));
        }, ct);
        await AddOpenAsync(open, held, part, ct);
    }

    private async Task EachHourAsync(Dictionary<int, string> known, TimeSpanUs part, Action<string, int, ReadOnlyMemory<byte>> take, CancellationToken ct)
    {
        var (numbers, first, last) = (known.Keys.ToArray(), Hours.Of(part.FromUs), Hours.Of(part.ToUs - 1));
        var (firstDay, lastDay) = (Hours.DayOf(first), Hours.DayOf(last));
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = numbers is [var one]
            ? db.Hours.AsNoTracking().Where(row => row.Device == one && row.Day >= firstDay && row.Day <= lastDay)
            : db.Hours.AsNoTracking().Where(row => numbers.Contains(row.Device) && row.Day >= firstDay && row.Day <= lastDay);
        await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(ct))
        {
            DayRow.Each(row.Data, (inDay, block) =>
            {
                var hour = row.Day * Hours.PerDay + inDay;
                if (hour >= first && hour <= last) take(known[row.Device], hour, block);
            });
        }
    }

    /// <summary>What the rollups of open hours do not hold. Hours side by side are read in one go.</summary>
    private async Task AddOpenAsync(Dictionary<string, HashSet<int>> open, Dictionary<(string, int), Coverage> held, TimeSpanUs part, CancellationToken ct)
    {
        foreach (var (device, hours) in open)
        {
            var sorted = hours.Order().ToArray();
            for (int first = 0, next; first < sorted.Length; first = next)
            {
                for (next = first + 1; next < sorted.Length && sorted[next] == sorted[next - 1] + 1;) next++;
                var inside = part.Within(Hours.StartOf(sorted[first]), Hours.StartOf(sorted[next - 1] + 1));
                if (inside.IsEmpty) continue;
                await AddReadingsAsync(device, inside, reading => held.TryGetValue((device, Hours.Of(reading.TimeUs)), out var coverage) && coverage.Has(reading.Id), ct);
            }
        }
    }

    private async Task AddReadingsAsync(string device, TimeSpanUs part, Func<StoredReading, bool> isHeld, CancellationToken ct)
    {
        await foreach (var reading in reader.ReadAsync(new ReadingRange(device, part.FromUs, part.ToUs), ct))
        {
            if (!isHeld(reading)) found.Add(reading);
        }
    }

    private async Task<Dictionary<int, string>> NumbersAsync(IReadOnlyList<string> devices, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Devices.AsNoTracking().Where(device => devices.Contains(device.DeviceId)).ToDictionaryAsync(device => device.Number, device => device.DeviceId, ct);
    }

    private async Task AddStaleAsync(Dictionary<int, string> known, Dictionary<string, HashSet<int>> open, BucketParts parts, CancellationToken ct)
    {
        var (numbers, first, last) = (known.Keys.ToArray(), Hours.Of(parts.Whole.FromUs), Hours.Of(parts.Whole.ToUs - 1));
        await using var db = await databases.CreateDbContextAsync(ct);
        var marks = db.StaleHours.AsNoTracking().Where(mark => numbers.Contains(mark.Device) && mark.Hour >= first && mark.Hour <= last);
        await foreach (var mark in marks.AsAsyncEnumerable().WithCancellation(ct)) open[known[mark.Device]].Add(mark.Hour);
    }
}
