using System.Data.Common;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>A device's hour, rolled up anew and not written yet.</summary>
/// <param name="Mark">What it stands for.</param>
/// <param name="HasRow">Its minutes have a row already.</param>
/// <param name="Minutes">That row as it is to be. Null when there was no reading that it does not hold.</param>
/// <param name="Whole">Its block of the day's row.</param>
internal sealed record RolledHour(StaleHour Mark, bool HasRow, byte[]? Minutes, byte[]? Whole)
{
    private const string MinutesOf = """SELECT "Hour", "Data" FROM "TelemetryMinutes" WHERE "Device" = @p0 AND "Hour" >= @p1 AND "Hour" <= @p2""";
    private const string DaysOf = """SELECT "Day", "Data" FROM "TelemetryHours" WHERE "Device" = @p0 AND "Day" >= @p1 AND "Day" <= @p2""";
    private const string ReadingsOf = """
        SELECT "TimeUs", "Id", "ReceivedUs", "Stream", "ContentType", "Body" FROM "Telemetry"
        WHERE "Device" = @p0 AND "TimeUs" >= @p1 AND "TimeUs" < @p2 AND ("Id" < @p3 OR "Id" > @p4) ORDER BY "TimeUs", "Id"
        """;

    /// <summary>What the database has of some hours of one device, and the readings that it did not know, hour by hour: only one of them is held in pieces.</summary>
    /// <param name="statements">Of the database.</param>
    /// <param name="marks">Of one device, in order.</param>
    /// <param name="ct">Ends it.</param>
    internal static async Task<List<RolledHour>> ReadAsync(PreparedStatements statements, IReadOnlyList<StaleHour> marks, CancellationToken ct)
    {
        var rolled = new List<RolledHour>(marks.Count);
        for (int first = 0, next; first < marks.Count; first = next)
        {
            for (next = first + 1; next < marks.Count && marks[next].Hour == marks[next - 1].Hour + 1;) next++;
            await new Run(statements, marks.Skip(first).Take(next - first).ToList(), rolled).ReadAsync(ct);
        }
        return rolled;
    }

    /// <summary>Hours side by side, which lie so on the disk.</summary>
    private sealed class Run(PreparedStatements statements, List<StaleHour> marks, List<RolledHour> rolled)
    {
        private readonly int _device = marks[0].Device;
        private readonly int _first = marks[0].Hour;
        private readonly int _last = marks[^1].Hour;
        private readonly Dictionary<int, byte[]> _minutes = [];
        private readonly Dictionary<int, ReadOnlyMemory<byte>> _blocks = [];

        internal async Task ReadAsync(CancellationToken ct)
        {
            await ReadStoredAsync(ct);
            var (at, hour) = (0, Open(marks[0]));
            var (heldFirst, heldLast) = marks.Count == 1 ? hour.Held : Coverage.Nothing; // a late reading of an hour with many
            await using var rows = await statements.ReadAsync(ReadingsOf, ct, _device, Hours.StartOf(_first), Hours.StartOf(_last + 1), heldFirst, heldLast);
            while (await rows.ReadAsync(ct))
            {
                var row = Row(rows);
                while (Hours.Of(row.TimeUs) > hour.Mark.Hour)
                {
                    rolled.Add(hour.Close());
                    hour = Open(marks[++at]);
                }
                hour.Add(row);
            }
            for (rolled.Add(hour.Close()); at + 1 < marks.Count;) rolled.Add(Open(marks[++at]).Close());
        }

        private async Task ReadStoredAsync(CancellationToken ct)
        {
            await using (var minutes = await statements.ReadAsync(MinutesOf, ct, _device, _first, _last))
            {
                while (await minutes.ReadAsync(ct)) _minutes.Add(minutes.GetInt32(0), minutes.GetFieldValue<byte[]>(1));
            }
            await using var days = await statements.ReadAsync(DaysOf, ct, _device, Hours.DayOf(_first), Hours.DayOf(_last));
            while (await days.ReadAsync(ct))
            {
                foreach (var (inDay, block) in DayRow.Read(days.GetFieldValue<byte[]>(1))) _blocks.Add(days.GetInt32(0) * Hours.PerDay + inDay, block);
            }
        }

        private TelemetryRow Row(DbDataReader row) => new()
        {
            Device = _device,
            TimeUs = row.GetInt64(0),
            Id = row.GetInt64(1),
            ReceivedUs = row.GetInt64(2),
            Stream = row.GetString(3),
            ContentType = row.IsDBNull(4) ? null : row.GetString(4),
            Body = row.GetFieldValue<byte[]>(5),
        };

        private OpenHour Open(StaleHour mark)
        {
            var minutes = _minutes.GetValueOrDefault(mark.Hour);
            return new OpenHour(mark, minutes is not null, HourSummary.ByMinute(mark.Hour, minutes), HourSummary.AsWhole(mark.Hour, _blocks.GetValueOrDefault(mark.Hour)));
        }
    }

    private sealed record OpenHour(StaleHour Mark, bool HasRow, HourSummary Minutes, HourSummary Whole)
    {
        /// <summary>Ids that both hold: one of them may have been kept longer than the other.</summary>
        internal (long First, long Last) Held => Minutes.Held.Rows < Whole.Held.Rows ? Minutes.Held.Largest() : Whole.Held.Largest();

        internal void Add(TelemetryRow row) => HourSummary.Add(row, Minutes, Whole);

        internal RolledHour Close() => new(Mark, HasRow, Minutes.HasNew ? Minutes.ToBytes() : null, Whole.HasNew ? Whole.ToBytes() : null);
    }
}
