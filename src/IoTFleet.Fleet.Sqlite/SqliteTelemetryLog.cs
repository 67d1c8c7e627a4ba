using System.Runtime.InteropServices;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.Data.Sqlite;

namespace IoTFleet.Fleet.Sqlite;

/// <summary>
/// The log in a file of its own, so that a commit that devices wait for never waits for a merge. One connection, one gate: appending and forgetting take turns.
/// After any error the connection is left behind and the next call starts on a fresh one.
/// </summary>
internal sealed class SqliteTelemetryLog(string file) : IDisposable
{
    /// <summary>What is taken away at once, as entries and as bytes: an append waits for no more.</summary>
    private const int ForgetEntries = 128;
    private const int ForgetBytes = 4 * 1024 * 1024;

    /// <summary>
    /// Pages after which a commit brings what is in the WAL to the file itself, 4 MB: devices wait for it. With 16 MB, of which most pages differ, one
    /// acknowledgement in a hundred waited for that.
    /// </summary>
    private const int CheckpointPages = 1_000;

    /// <summary>Between two steps of forgetting: whoever has let go of a gate and takes it again at once is faster than whoever waits for it.</summary>
    private static readonly TimeSpan AfterStep = TimeSpan.FromMilliseconds(1);

    /// <summary>Seconds that SQLite waits for whoever holds the file; whoever appends tries again without end, and says so to the health check from then on.</summary>
    private const int Patience = 1;

    private readonly Lock _gate = new();
    private readonly ManualResetEvent _never = new(false);
    private Open? _open;

    internal void Append(LogEntry entry) => Use(log => log.Append(entry));

    internal List<LogEntry> Read(long beyond, int limit)
    {
        var entries = new List<LogEntry>();
        Use(log => log.Read(beyond, limit, entries));
        return entries;
    }

    internal void Forget(long upTo)
    {
        var isMore = true;
        while (isMore)
        {
            Use(log => isMore = log.Forget(upTo));
            if (isMore) _never.WaitOne(AfterStep);
        }
    }

    public void Dispose()
    {
        lock (_gate) Close();
        _never.Dispose();
    }

    private void Use(Action<Open> work)
    {
        lock (_gate)
        {
            try
            {
                work(_open ??= new Open(file));
            }
            catch
            {
                Close();
                throw;
            }
        }
    }

    private void Close()
    {
        _open?.Dispose();
        _open = null;
    }

    private sealed class Open : IDisposable
    {
        private readonly SqliteConnection _connection;
        private readonly SqliteCommand _append;
        private readonly SqliteCommand _oldest;
        private readonly SqliteCommand _forget;

        internal Open(string file)
        {
            _connection = new SqliteConnection(new SqliteConnectionStringBuilder(SqliteFleet.ConnectionString(file)) { Pooling = false, DefaultTimeout = Patience }.ToString());
            _connection.Open();
            DurableConnections.Apply(_connection);
            Run($"PRAGMA busy_timeout = {Patience * 1000}");
            Run("PRAGMA journal_mode = WAL");
            Run($"PRAGMA wal_autocheckpoint = {CheckpointPages}");
            Run("CREATE TABLE IF NOT EXISTS Log (Id INTEGER PRIMARY KEY, Count INTEGER NOT NULL, Data BLOB NOT NULL)");
            // The same id again: its first commit did succeed, whatever was heard of it.
            _append = Prepare("INSERT INTO Log (Id, Count, Data) VALUES ($id, $count, $data) ON CONFLICT (Id) DO NOTHING", ("$id", SqliteType.Integer), ("$count", SqliteType.Integer), ("$data", SqliteType.Blob));
            _oldest = Prepare("SELECT Id, length(Data) FROM Log WHERE Id <= $id ORDER BY Id LIMIT $limit", ("$id", SqliteType.Integer), ("$limit", SqliteType.Integer));
            _forget = Prepare("DELETE FROM Log WHERE Id <= $id", ("$id", SqliteType.Integer));
        }

        internal void Append(LogEntry entry)
        {
            _append.Parameters[0].Value = entry.Id;
            _append.Parameters[1].Value = entry.Count;
            _append.Parameters[2].Value = Bytes(entry.Data);
            _append.ExecuteNonQuery();
        }

        internal void Read(long beyond, int limit, List<LogEntry> entries)
        {
            using var read = Prepare("SELECT Id, Count, Data FROM Log WHERE Id > $id ORDER BY Id LIMIT $limit", ("$id", SqliteType.Integer), ("$limit", SqliteType.Integer));
            read.Parameters[0].Value = beyond;
            read.Parameters[1].Value = limit;
            using var rows = read.ExecuteReader();
            while (rows.Read()) entries.Add(new LogEntry(rows.GetInt64(0), rows.GetInt32(1), rows.GetFieldValue<byte[]>(2)));
        }

        /// <returns>Whether there is more to forget.</returns>
        internal bool Forget(long upTo)
        {
            if (Oldest(upTo) is not { } step) return false;
            Run("PRAGMA synchronous = NORMAL"); // Not worth a flush: what comes back with the power is merged again, which changes nothing.
            _forget.Parameters[0].Value = step;
            _forget.ExecuteNonQuery();
            Run("PRAGMA synchronous = FULL"); // After an error the connection is not used again.
            return true;
        }

        /// <summary>Up to which of the oldest entries one step goes; null when there is none.</summary>
        private long? Oldest(long upTo)
        {
            _oldest.Parameters[0].Value = upTo;
            _oldest.Parameters[1].Value = ForgetEntries;
            using var rows = _oldest.ExecuteReader();
            var (last, bytes) = (default(long?), 0L);
            while (bytes < ForgetBytes && rows.Read()) (last, bytes) = (rows.GetInt64(0), bytes + rows.GetInt64(1));
            return last;
        }

        private void Run(string sql)
        {
            using var command = _connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }

        private SqliteCommand Prepare(string sql, params ReadOnlySpan<(string Name, SqliteType Type)> parameters)
        {
            var command = _connection.CreateCommand();
            command.CommandText = sql;
            foreach (var (name, type) in parameters) command.Parameters.Add(name, type);
            return command;
        }

        private static byte[] Bytes(ReadOnlyMemory<byte> data) =>
            MemoryMarshal.TryGetArray(data, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length ? segment.Array : data.ToArray();

        public void Dispose()
        {
            _append.Dispose();
            _oldest.Dispose();
            _forget.Dispose();
            _connection.Dispose();
        }
    }
}
