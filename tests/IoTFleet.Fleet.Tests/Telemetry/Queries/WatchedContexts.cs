using System.Data.Common;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace IoTFleet.Fleet.Tests.Telemetry.Queries;

/// <summary>A database that tells the test of each step before it is done: each command of EF's, each beginning of a transaction, each commit, and that a commit is done.</summary>
internal sealed class WatchedContexts(DbContextOptions<TelemetryDbContext> options, Func<int, bool, Task> onStep) : IDbContextFactory<TelemetryDbContext>
{
    private readonly IInterceptor[] _interceptors = [new Commands(new Steps(onStep)), new Commits(new Steps(onStep))];

    public static WatchedContexts Of(TestFleet fleet, Func<int, bool, Task> onStep)
    {
        var step = 0;
        return new WatchedContexts(OptionsOf(fleet), (_, inTransaction) => onStep(++step, inTransaction));
    }

    /// <summary>On SQLite without its queue of writers, which begins a transaction before others hear of it: a merge in that step would wait for it, and it for the merge.</summary>
    private static DbContextOptions<TelemetryDbContext> OptionsOf(TestFleet fleet)
    {
        using var db = fleet.Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContext();
        return db.Database.IsSqlite()
            ? (DbContextOptions<TelemetryDbContext>)new DbContextOptionsBuilder<TelemetryDbContext>().UseSqliteFleet(fleet.DatabaseFile + ".telemetry").Options
            : fleet.Get<DbContextOptions<TelemetryDbContext>>();
    }

    public TelemetryDbContext CreateDbContext() =>
        new(new DbContextOptionsBuilder<TelemetryDbContext>(options).AddInterceptors(_interceptors).Options);

    private sealed record Steps(Func<int, bool, Task> OnStep);

    private sealed class Commands(Steps steps) : DbCommandInterceptor
    {
        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            await steps.OnStep(0, command.Transaction is not null);
            return result;
        }

        public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            await steps.OnStep(0, command.Transaction is not null);
            return result;
        }
    }

    private sealed class Commits(Steps steps) : DbTransactionInterceptor
    {
        public override async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
            DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result, CancellationToken cancellationToken = default)
        {
            await steps.OnStep(0, false); // all that is read before has been read
            return result;
        }

        public override async ValueTask<InterceptionResult> TransactionCommittingAsync(
            DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
        {
            await steps.OnStep(0, true);
            return result;
        }

        public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default) =>
            steps.OnStep(0, true);
    }
}
