using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>
/// The fleet's writers take turns on every database: SQLite knows no other way, and use cases look before they write (is this token used up, what
/// is the log's next index). So each transaction first takes one lock, which ends with it, and sees all that the one before it committed.
/// Waiters are served in the order in which they came. Telemetry and reading take no part.
/// </summary>
internal sealed class OneWriter : DbTransactionInterceptor
{
    internal static readonly OneWriter Instance = new();

    /// <summary>A node that was cut off in mid-transaction must not hold up the others for longer than this.</summary>
    private const string Take = "SET LOCAL idle_in_transaction_session_timeout = '60s'; SELECT pg_advisory_xact_lock(1232033862, 1)"; // 'IoTF', writers

    public override DbTransaction TransactionStarted(DbConnection connection, TransactionEndEventData eventData, DbTransaction result)
    {
        try
        {
            using var command = Command(connection, result);
            command.ExecuteNonQuery();
            return result;
        }
        catch
        {
            result.Dispose(); // Nobody else will have heard of it.
            throw;
        }
    }

    public override async ValueTask<DbTransaction> TransactionStartedAsync(
        DbConnection connection, TransactionEndEventData eventData, DbTransaction result, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var command = Command(connection, result);
            await command.ExecuteNonQueryAsync(cancellationToken);
            return result;
        }
        catch
        {
            await result.DisposeAsync();
            throw;
        }
    }

    private static DbCommand Command(DbConnection connection, DbTransaction transaction)
    {
        var command = connection.CreateCommand();
        (command.CommandText, command.Transaction) = (Take, transaction);
        return command;
    }
}
