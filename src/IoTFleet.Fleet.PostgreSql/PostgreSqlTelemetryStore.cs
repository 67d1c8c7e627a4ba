using IoTFleet.Fleet.Telemetry.Store;
using Npgsql;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>The log is a table that the nodes share, each with ids of its own; a merge is a binary COPY. Pooled connections, so an error leaves nothing behind.</summary>
internal sealed class PostgreSqlTelemetryStore(string connectionString) : ITelemetryStore
{
    private const string Append = """INSERT INTO "TelemetryLog" ("Id", "Count", "Data") VALUES ($1, $2, $3) ON CONFLICT ("Id") DO NOTHING"""; // The same id again: its first commit did succeed, whatever was heard of it.
    private const string Read = """SELECT "Id", "Count", "Data" FROM "TelemetryLog" WHERE "Id" > $1 AND "Id" < $2 ORDER BY "Id" LIMIT $3""";
    private const string Forget = """DELETE FROM "TelemetryLog" WHERE "Id" > $1 AND "Id" <= $2""";

    /// <summary>Prepared once for each connection, and not reset between uses: what is done here leaves no settings behind.</summary>
    private readonly string _connectionString = new NpgsqlConnectionStringBuilder(connectionString)
    {
        MaxAutoPrepare = 16,
        AutoPrepareMinUsages = 2,
        NoResetOnClose = true,
    }.ToString();

    private readonly PostgreSqlPartitions _partitions = new();

    public async Task AppendAsync(LogEntry entry, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = Command(connection, Append, entry.Id, entry.Count, entry.Data);
        await command.ExecuteNonQueryAsync(ct);
    }

    public async Task<IReadOnlyList<LogEntry>> ReadLogAsync(long beyond, int limit, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = Command(connection, Read, beyond, TelemetryNode.EndOfIdsBeside(beyond), (long)limit);
        await using var rows = await command.ExecuteReaderAsync(ct);
        var entries = new List<LogEntry>();
        while (await rows.ReadAsync(ct)) entries.Add(new LogEntry(rows.GetInt64(0), rows.GetInt32(1), rows.GetFieldValue<byte[]>(2)));
        return entries;
    }

    public async Task ForgetLogAsync(long upTo, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = Command(connection, Forget, TelemetryNode.BeforeIdsBeside(upTo), upTo);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Straight into the table, which is the rule; a slice whose rows are there already, from a merge that was cut off, goes by way of a temporary one.</summary>
    public async Task MergeAsync(MergeSlice slice, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await _partitions.MakeAsync(connection, slice.Rows, ct);
        try
        {
            await MergeAsync(connection, slice, PostgreSqlMerge.CopyAsync, ct);
        }
        catch (PostgresException again) when (again.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            await MergeAsync(connection, slice, PostgreSqlMerge.CopyNewAsync, ct);
        }
    }

    public async Task<DroppedReadings> DropBeforeAsync(long timeUs, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        return await _partitions.DropBeforeAsync(connection, timeUs, ct);
    }

    private static async Task MergeAsync(NpgsqlConnection connection, MergeSlice slice, Func<NpgsqlConnection, IReadOnlyList<TelemetryRow>, CancellationToken, Task> copy, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (slice.Done is null) await PostgreSqlMerge.NeedNotLastAsync(connection, ct);
        await PostgreSqlMerge.WriteStateAsync(connection, slice, ct); // First the rows that another node may be at: a wait there costs no copying.
        await copy(connection, slice.Rows, ct);
        await transaction.CommitAsync(ct);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken ct)
    {
        var connection = new NpgsqlConnection(_connectionString);
        try
        {
            await connection.OpenAsync(ct);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
