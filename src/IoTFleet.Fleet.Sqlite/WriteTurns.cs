using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace IoTFleet.Fleet.Sqlite;

/// <summary>
/// SQLite has one writer at a time, and whoever finds it taken asks again, ever more seldom: beside an ingest that writes batch after
/// batch, one use case in twenty was measured to wait 400 ms, and some more than a second; taking turns, 12 ms. So the writers of this process queue up, first come, first served.
/// The ingest keeps its turn for a whole batch; a use case only until it has SQLite's own lock, so nothing it does later can keep the turn.
/// </summary>
internal sealed class WriteTurns : DbTransactionInterceptor
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    internal void Take() => _turn.Wait();

    internal Task TakeAsync(CancellationToken ct) => _turn.WaitAsync(ct);

    internal void GiveBack() => _turn.Release();

    public override InterceptionResult<DbTransaction> TransactionStarting(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result)
    {
        Take();
        return Begin(connection, eventData);
    }

    public override async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result, CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(cancellationToken);
        return Begin(connection, eventData);
    }

    private InterceptionResult<DbTransaction> Begin(DbConnection connection, TransactionStartingEventData eventData)
    {
        try
        {
            return InterceptionResult<DbTransaction>.SuppressWithResult(connection.BeginTransaction(eventData.IsolationLevel));
        }
        finally
        {
            GiveBack();
        }
    }
}
