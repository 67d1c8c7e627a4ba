using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace IoTFleet.Fleet;

/// <summary>
/// The fleet's writers take turns on every database: SQLite knows no other way, and use cases look before they write (is this token used up, what
/// is the log's next index). So on a server each transaction first takes one lock, which ends with it, and sees all that the one before it committed.
/// Waiters are served in the order in which they came. Telemetry and reading take no part.
/// </summary>
/// <param name="take">The statement that takes the lock, or fails.</param>
public sealed class WriterLock(string take) : DbTransactionInterceptor
{
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

    private DbCommand Command(DbConnection connection, DbTransaction transaction)
    {
        var command = connection.CreateCommand();
        (command.CommandText, command.Transaction) = (take, transaction);
        return command;
    }
}
