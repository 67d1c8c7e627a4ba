using System.Data;
using System.Security.Cryptography;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.Data.SqlClient;

namespace IoTFleet.Fleet.SqlServer;

/// <summary>
/// The log is a table that the nodes share, each with ids of its own. A merge is copied in bulk into staging tables, under a name of its own, and goes from there
/// to the tables by plain statements: no MERGE and no hint of locking, so what two nodes do at once ends in an error that is tried again, not in a wrong row.
/// </summary>
internal sealed class SqlServerTelemetryStore(string connectionString) : ITelemetryStore
{
    // The same id again: its first commit did succeed, whatever was heard of it.
    private const string Append = "INSERT INTO TelemetryLog (Id, Count, Data) SELECT @id, @count, @data WHERE NOT EXISTS (SELECT 1 FROM TelemetryLog WHERE Id = @id)";
    private const string Read = "SELECT TOP (@limit) Id, Count, Data FROM TelemetryLog WHERE Id > @beyond AND Id < @end ORDER BY Id";
    private const string Forget = "DELETE TOP (16) FROM TelemetryLog WHERE Id > @before AND Id <= @upTo"; // An append waits for no more.

    public async Task AppendAsync(LogEntry entry, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = Command(connection, null, Append);
        command.Parameters.Add("@id", SqlDbType.BigInt).Value = entry.Id;
        command.Parameters.Add("@count", SqlDbType.Int).Value = entry.Count;
        command.Parameters.Add("@data", SqlDbType.VarBinary, -1).Value = entry.Data.ToArray();
        await command.ExecuteNonQueryAsync(ct);
    }

    public async Task<IReadOnlyList<LogEntry>> ReadLogAsync(long beyond, int limit, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = Command(connection, null, Read);
        command.Parameters.Add("@beyond", SqlDbType.BigInt).Value = beyond;
        command.Parameters.Add("@end", SqlDbType.BigInt).Value = TelemetryNode.EndOfIdsBeside(beyond);
        command.Parameters.Add("@limit", SqlDbType.Int).Value = limit;
        await using var rows = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, ct); // Else a large value is read slowly.
        var entries = new List<LogEntry>();
        while (await rows.ReadAsync(ct)) entries.Add(new LogEntry(rows.GetInt64(0), rows.GetInt32(1), await BytesAsync(rows, ct)));
        return entries;
    }

    public async Task ForgetLogAsync(long upTo, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = Command(connection, null, Forget);
        command.Parameters.Add("@before", SqlDbType.BigInt).Value = TelemetryNode.BeforeIdsBeside(upTo);
        command.Parameters.Add("@upTo", SqlDbType.BigInt).Value = upTo;
        while (await command.ExecuteNonQueryAsync(ct) > 0) { }
    }

    public async Task MergeAsync(MergeSlice slice, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var transaction = (SqlTransaction)await connection.BeginTransactionAsync(ct);
        var batch = new Guid(RandomNumberGenerator.GetBytes(16));
        await SqlServerMerge.StageAsync(connection, transaction, batch, slice, ct);
        await using var command = Command(connection, transaction, SqlServerMerge.FromStaging);
        command.Parameters.Add("@batch", SqlDbType.UniqueIdentifier).Value = batch;
        command.Parameters.Add("@node", SqlDbType.Int).Value = slice.Done?.Ordinal ?? 0;
        command.Parameters.Add("@mergedTo", SqlDbType.BigInt).Value = slice.Done?.MergedTo ?? 0;
        await command.ExecuteNonQueryAsync(ct);
        await transaction.CommitAsync(ct);
    }

    private async Task<SqlConnection> OpenAsync(CancellationToken ct)
    {
        var connection = new SqlConnection(connectionString);
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

    private static SqlCommand Command(SqlConnection connection, SqlTransaction? transaction, string sql) => new(sql, connection, transaction);

    private static async Task<byte[]> BytesAsync(SqlDataReader row, CancellationToken ct)
    {
        await using var stream = row.GetStream(2);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes, ct);
        return bytes.ToArray();
    }
}
