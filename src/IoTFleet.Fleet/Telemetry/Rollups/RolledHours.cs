using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>Some hours of a device, rolled up anew and not written yet: what the database has of them, and the readings it did not know.</summary>
internal sealed class RolledHours
{
    private readonly int _device;
    private readonly SortedDictionary<int, Rolled> _hours = [];

    private RolledHours(int device) => _device = device;

    /// <param name="db">Where.</param>
    /// <param name="marks">Of one device, in order.</param>
    /// <param name="ct">Ends it.</param>
    internal static async Task<RolledHours> ReadAsync(TelemetryDbContext db, IReadOnlyList<StaleHour> marks, CancellationToken ct)
    {
        var rolled = new RolledHours(marks[0].Device);
        await rolled.ReadStoredAsync(db, [.. marks.Select(mark => mark.Hour)], ct);
        for (var first = 0; first < marks.Count;)
        {
            var next = first + 1;
            while (next < marks.Count && marks[next].Hour == marks[next - 1].Hour + 1) next++;
            await rolled.AddReadingsAsync(db, marks[first].Hour, marks[next - 1].Hour, ct); // hours side by side lie so on the disk
            first = next;
        }
        return rolled;
    }

    /// <summary>It stays as it is.</summary>
    internal void Leave(int hour) => _hours.Remove(hour);

    internal async Task WriteAsync(TelemetryDbContext db, CancellationToken ct)
    {
        var device = _device;
        foreach (var (hour, rolled) in _hours)
        {
            var row = new MinuteRollup { Device = device, Hour = hour, Data = rolled.Minutes.ToBytes() };
            db.Entry(row).State = rolled.HasRow ? EntityState.Modified : EntityState.Added;
        }
        foreach (var hours in _hours.GroupBy(hour => Hours.DayOf(hour.Key)))
        {
            var day = await db.Hours.SingleOrDefaultAsync(row => row.Device == device && row.Day == hours.Key, ct);
            var blocks = DayRow.Read(day?.Data ?? []);
            foreach (var (hour, rolled) in hours) blocks[Hours.InDay(hour)] = rolled.Whole.ToBytes();
            if (day is null) db.Hours.Add(new HourRollup { Device = device, Day = hours.Key, Data = DayRow.Write(blocks) });
            else day.Data = DayRow.Write(blocks);
        }
        await db.SaveChangesAsync(ct);
    }

    private async Task ReadStoredAsync(TelemetryDbContext db, int[] hours, CancellationToken ct)
    {
        var (device, first, last, firstDay, lastDay) = (_device, hours[0], hours[^1], Hours.DayOf(hours[0]), Hours.DayOf(hours[^1]));
        var minutes = await db.Minutes.AsNoTracking().Where(row => row.Device == device && row.Hour >= first && row.Hour <= last)
            .Where(row => hours.Contains(row.Hour)).ToDictionaryAsync(row => row.Hour, row => row.Data, ct);
        var blocks = new Dictionary<int, ReadOnlyMemory<byte>>();
        var days = hours.Select(Hours.DayOf).Distinct().ToArray();
        await foreach (var row in db.Hours.AsNoTracking().Where(row => row.Device == device && row.Day >= firstDay && row.Day <= lastDay)
            .Where(row => days.Contains(row.Day)).AsAsyncEnumerable().WithCancellation(ct))
        {
            foreach (var (inDay, block) in DayRow.Read(row.Data)) blocks[row.Day * Hours.PerDay + inDay] = block;
        }
        foreach (var hour in hours)
            _hours[hour] = new Rolled(minutes.ContainsKey(hour), HourSummary.ByMinute(hour, minutes.GetValueOrDefault(hour)), HourSummary.AsWhole(hour, blocks.GetValueOrDefault(hour)));
    }

    private async Task AddReadingsAsync(TelemetryDbContext db, int first, int last, CancellationToken ct)
    {
        var (device, from, to) = (_device, Hours.StartOf(first), Hours.StartOf(last + 1));
        var rows = db.Readings.AsNoTracking().Where(row => row.Device == device && row.TimeUs >= from && row.TimeUs < to);
        if (first == last)
        {
            var (heldFirst, heldLast) = _hours[first].Held;
            rows = rows.Where(row => row.Id < heldFirst || row.Id > heldLast); // a late reading of an hour with many
        }
        await foreach (var row in rows.OrderBy(row => row.TimeUs).ThenBy(row => row.Id).AsAsyncEnumerable().WithCancellation(ct))
        {
            var rolled = _hours[Hours.Of(row.TimeUs)];
            rolled.Minutes.Add(row);
            rolled.Whole.Add(row);
        }
    }

    private sealed record Rolled(bool HasRow, HourSummary Minutes, HourSummary Whole)
    {
        /// <summary>Ids that both hold: one of them may have been kept longer than the other.</summary>
        internal (long First, long Last) Held => Minutes.Held.Rows < Whole.Held.Rows ? Minutes.Held.Largest() : Whole.Held.Largest();
    }
}
