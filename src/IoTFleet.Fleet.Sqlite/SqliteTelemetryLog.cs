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
    /// <summary>Entries taken away at once, each up to some megabytes: an append waits for no more.</summary>
    private const int ForgetStep = 4;

    /// <summary>Seconds that SQLite waits for whoever holds the file; whoever appends tries again without end, and says so to the health check from then on.</summary>
    private const int Patience = 1;

    private readonly Lock _gate = new();
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
        var forgotten = ForgetStep;
        while (forgotten == ForgetStep) Use(log => forgotten = log.Forget(upTo, ForgetStep));
    }

    public void Dispose()
    {
        lock (_gate) Close();
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
        private readonly SqliteCommand _forget;

        internal Open(string file)
        {
            _connection = new SqliteConnection(new SqliteConnectionStringBuilder(SqliteFleet.ConnectionString(file)) { Pooling = false, DefaultTimeout = Patience }.ToString());
            _connection.Open();
            DurableConnections.Apply(_connection);
            Run($"PRAGMA busy_timeout = {Patience * 1000}");
            Run("PRAGMA journal_mode = WAL");
            Run("CREATE TABLE IF NOT EXISTS Log (Id INTEGER PRIMARY KEY, Count INTEGER NOT NULL, Data BLOB NOT NULL)");
            // The same id again: its first commit did succeed, whatever was heard of it.
            _append = Prepare("INSERT INTO Log (Id, Count, Data) VALUES ($id, $count, $data) ON CONFLICT (Id) DO NOTHING", ("$id", SqliteType.Integer), ("$count", SqliteType.Integer), ("$data", SqliteType.Blob));
            _forget = Prepare("DELETE FROM Log WHERE Id IN (SELECT Id FROM Log WHERE Id <= $id ORDER BY Id LIMIT $step)", ("$id", SqliteType.Integer), ("$step", SqliteType.Integer));
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

        internal int Forget(long upTo, int step)
        {
            _forget.Parameters[0].Value = upTo;
            _forget.Parameters[1].Value = step;
            return _forget.ExecuteNonQuery();
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
            _forget.Dispose();
            _connection.Dispose();
        }
    }
}
