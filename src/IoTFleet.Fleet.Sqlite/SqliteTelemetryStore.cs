using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.Data.Sqlite;

namespace IoTFleet.Fleet.Sqlite;

/// <summary>The log in one file, the tables in another; a merge is prepared statements on a connection of its own.</summary>
internal sealed class SqliteTelemetryStore(string databaseFile, string logFile, WriteTurns turns) : ITelemetryStore, IDisposable
{
    private readonly SqliteTelemetryLog _log = new(logFile);
    private Merge? _merge;

    public Task AppendAsync(LogEntry entry, CancellationToken ct)
    {
        _log.Append(entry);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<LogEntry>> ReadLogAsync(long beyond, int limit, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<LogEntry>>(_log.Read(beyond, limit));

    public Task ForgetLogAsync(long upTo, CancellationToken ct)
    {
        _log.Forget(upTo);
        return Task.CompletedTask;
    }

    public async Task MergeAsync(MergeSlice slice, CancellationToken ct)
    {
        await turns.TakeAsync(ct);
        try
        {
            _merge ??= new Merge(databaseFile);
            _merge.Write(slice);
        }
        catch
        {
            CloseMerge();
            throw;
        }
        finally
        {
            turns.GiveBack();
        }
    }

    public void Dispose()
    {
        CloseMerge();
        _log.Dispose();
    }

    private void CloseMerge()
    {
        _merge?.Dispose();
        _merge = null;
    }

    private sealed class Merge : IDisposable
    {
        /// <summary>
        /// Pages after which a commit brings what is in the WAL to the tables' file, 2 MB: devices' acknowledgements wait for the disk meanwhile. Slices come sorted,
        /// so that hardly a page is written twice for it.
        /// </summary>
        private const int CheckpointPages = 512;

        private readonly SqliteConnection _connection;
        private readonly SqliteCommand _row;
        private readonly SqliteCommand _device;
        private readonly SqliteCommand _stale;
        private readonly SqliteCommand _node;

        internal Merge(string databaseFile)
        {
            _connection = new SqliteConnection(new SqliteConnectionStringBuilder(SqliteFleet.ConnectionString(databaseFile))
            {
                Mode = SqliteOpenMode.ReadWrite,
                Pooling = false,
            }.ToString());
            _connection.Open();
            DurableConnections.Apply(_connection);
            Execute($"PRAGMA wal_autocheckpoint = {CheckpointPages}");
            _row = Command("INSERT INTO Telemetry (Device, TimeUs, Id, ReceivedUs, Sequence, Stream, ContentType, Body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN ?7 IS NULL THEN CAST(?8 AS TEXT) ELSE ?8 END) ON CONFLICT (Device, TimeUs, Id) DO NOTHING", 8);
            _device = Command("UPDATE TelemetryDevices SET LastReceivedUs = MAX(LastReceivedUs, ?2), Latest = ?3, Recent = ?4 WHERE Number = ?1", 4);
            _stale = Command("INSERT INTO TelemetryStale (Device, Hour, Version) VALUES (?1, ?2, ?3) ON CONFLICT (Device, Hour) DO UPDATE SET Version = Version + 1", 3);
            _node = Command("UPDATE TelemetryNodes SET MergedTo = ?2 WHERE Ordinal = ?1", 2);
        }

        internal void Write(MergeSlice slice)
        {
            // Nobody but the log has to be believed until the last slice: the others go without a flush, and may be lost with the power, the later before the earlier.
            // The last one's flush is that of the one WAL file that all of them are in (or were, before a checkpoint, which flushes it and the tables in any case):
            // when "merged up to here" is on the disk, so is all that it speaks of, and the log may be forgotten.
            Execute($"PRAGMA synchronous = {(slice.Done is null ? "NORMAL" : "FULL")}");
            // Not deferred: the write lock is taken at BEGIN, where waiting for it cannot end in a deadlock.
            using var transaction = _connection.BeginTransaction(deferred: false);
            foreach (var command in (SqliteCommand[])[_row, _device, _stale, _node]) command.Transaction = transaction;
            foreach (var row in slice.Rows)
                Run(_row, row.Device, row.TimeUs, row.Id, row.ReceivedUs, row.Sequence, row.Stream, row.ContentType, row.Body);
            foreach (var device in slice.Devices) Run(_device, device.Number, device.LastReceivedUs, device.Latest, device.Recent);
            foreach (var mark in slice.Stale) Run(_stale, mark.Device, mark.Hour, mark.Version);
            if (slice.Done is { } node) Run(_node, node.Ordinal, node.MergedTo);
            transaction.Commit();
        }

        private void Execute(string sql)
        {
            using var command = _connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }

        private SqliteCommand Command(string sql, int parameters)
        {
            var command = _connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 1; i <= parameters; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"?{i}" });
            return command;
        }

        private static void Run(SqliteCommand command, params ReadOnlySpan<object?> values)
        {
            for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i] ?? DBNull.Value;
            command.ExecuteNonQuery();
        }

        public void Dispose()
        {
            _row.Dispose();
            _device.Dispose();
            _stale.Dispose();
            _node.Dispose();
            _connection.Dispose();
        }
    }
}
