using System.Runtime.InteropServices;
using IoTFleet.Fleet.Telemetry;
using Microsoft.Data.Sqlite;

namespace IoTFleet.Fleet.Sqlite;

/// <summary>
/// One prepared INSERT on a connection of its own, one transaction for each batch. Used by one thread, the ingest's.
/// After any error the connection is left behind and the next batch starts on a fresh one.
/// </summary>
internal sealed class SqliteTelemetryWriter(string databaseFile, WriteTurns turns) : ITelemetryWriter, IDisposable
{
    private const int Busy = 5; // SQLITE_BUSY
    private const int Locked = 6; // SQLITE_LOCKED

    private Insert? _insert;

    public Task WriteAsync(IReadOnlyList<TelemetryPoint> batch, CancellationToken ct)
    {
        turns.Take();
        try
        {
            _insert ??= new Insert(databaseFile);
            _insert.Write(batch);
            return Task.CompletedTask;
        }
        catch
        {
            Dispose();
            throw;
        }
        finally
        {
            turns.GiveBack();
        }
    }

    /// <summary>Another writer was in the way; SQLite gives the whole transaction back, so nothing of it is stored.</summary>
    public bool IsTransient(Exception error) => IsBusy(error);

    internal static bool IsBusy(Exception error) => error is SqliteException { SqliteErrorCode: Busy or Locked };

    public void Dispose()
    {
        _insert?.Dispose();
        _insert = null;
    }

    private sealed class Insert : IDisposable
    {
        private const string Sql = """
            INSERT INTO Telemetry (DeviceId, Stream, TimeUs, ReceivedAtUs, Sequence, Body)
            VALUES ($device, $stream, $time, $received, $sequence, CAST($body AS TEXT))
            """;

        private readonly SqliteConnection _connection;
        private readonly SqliteCommand _command;
        private readonly SqliteParameter _device;
        private readonly SqliteParameter _stream;
        private readonly SqliteParameter _time;
        private readonly SqliteParameter _received;
        private readonly SqliteParameter _sequence;
        private readonly SqliteParameter _body;

        internal Insert(string databaseFile)
        {
            _connection = new SqliteConnection(new SqliteConnectionStringBuilder(SqliteFleet.ConnectionString(databaseFile))
            {
                Mode = SqliteOpenMode.ReadWrite,
                Pooling = false,
            }.ToString());
            _connection.Open();
            DurableConnections.Apply(_connection);
            _command = _connection.CreateCommand();
            _command.CommandText = Sql;
            _device = _command.Parameters.Add("$device", SqliteType.Text);
            _stream = _command.Parameters.Add("$stream", SqliteType.Text);
            _time = _command.Parameters.Add("$time", SqliteType.Integer);
            _received = _command.Parameters.Add("$received", SqliteType.Integer);
            _sequence = _command.Parameters.Add("$sequence", SqliteType.Integer);
            _body = _command.Parameters.Add("$body", SqliteType.Blob);
        }

        internal void Write(IReadOnlyList<TelemetryPoint> batch)
        {
            // Not deferred: the write lock is taken at BEGIN, where waiting for it cannot end in a deadlock.
            using var transaction = _connection.BeginTransaction(deferred: false);
            _command.Transaction = transaction;
            foreach (var point in batch) Add(point);
            transaction.Commit();
        }

        private void Add(TelemetryPoint point)
        {
            _device.Value = point.DeviceId;
            _stream.Value = point.Stream;
            _time.Value = EpochTime.ToMicroseconds(point.Time);
            _received.Value = EpochTime.ToMicroseconds(point.ReceivedAt);
            _sequence.Value = point.Sequence is { } sequence ? sequence : DBNull.Value;
            _body.Value = Bytes(point.Body); // UTF-8 already, which is what CAST makes of it; a string would be converted twice.
            _command.ExecuteNonQuery();
        }

        private static byte[] Bytes(ReadOnlyMemory<byte> body) =>
            MemoryMarshal.TryGetArray(body, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length
                ? segment.Array
                : body.ToArray();

        public void Dispose()
        {
            _command.Dispose();
            _connection.Dispose();
        }
    }
}
