using IoTFleet.Fleet;
using IoTFleet.Fleet.Telemetry.Rollups;
using Microsoft.Data.Sqlite;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>Gives what the first devices have to all others. A rollup says which ids it holds, and ids are a device's own, so copies of both fit together.</summary>
internal sealed class StockCopies : IDisposable
{
    private readonly SqliteConnection _db;
    private readonly string _originals;
    private readonly List<int> _offsets;

    internal StockCopies(string file, List<int> numbers, int originals)
    {
        _originals = string.Join(',', numbers.Take(originals));
        _offsets = [.. numbers.Chunk(originals).Skip(1).Select(some => some[0] - numbers[0])];
        _db = new SqliteConnection($"Data Source={file};Pooling=False");
        _db.Open();
        Run("PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 10000; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -200000");
    }

    internal void Make(DateTimeOffset from, DateTimeOffset to)
    {
        var (fromUs, toUs) = (EpochTime.ToMicroseconds(from), EpochTime.ToMicroseconds(to));
        var (first, last) = (Hours.Of(fromUs), Hours.Of(toUs - 1));
        using var transaction = _db.BeginTransaction(deferred: false);
        foreach (var offset in _offsets)
        {
            Copy("Telemetry", "TimeUs, Id, ReceivedUs, Sequence, Stream, ContentType, Body", $"TimeUs >= {fromUs} AND TimeUs < {toUs}", offset);
            Copy("TelemetryMinutes", "Hour, Data", $"Hour >= {first} AND Hour <= {last}", offset);
            Copy("TelemetryHours", "Day, Data", $"Day = {Hours.DayOf(first)}", offset);
        }
        transaction.Commit();
    }

    internal void Finish()
    {
        foreach (var offset in _offsets)
        {
            Run($"UPDATE TelemetryDevices SET (LastReceivedUs, Latest, Recent) = (SELECT o.LastReceivedUs, o.Latest, o.Recent FROM TelemetryDevices o WHERE o.Number = TelemetryDevices.Number - {offset}) WHERE Number - {offset} IN ({_originals})");
        }
    }

    public void Dispose() => _db.Dispose();

    private void Copy(string table, string columns, string which, int offset) =>
        Run($"INSERT OR REPLACE INTO {table} (Device, {columns}) SELECT Device + {offset}, {columns} FROM {table} WHERE Device IN ({_originals}) AND {which}");

    private void Run(string sql)
    {
        using var command = _db.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
