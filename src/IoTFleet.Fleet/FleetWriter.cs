using System.Threading.Channels;
using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet;

/// <summary>The server is stopping: nothing was written, and nothing will be.</summary>
public sealed class FleetStoppingException() : Exception("The server is stopping and writes nothing more.");

/// <summary>
/// Small units of writing share transactions. A commit costs a disk flush however much is in it, so whatever waits when one has ended
/// goes into the next one together, each unit behind a savepoint of its own: one that throws is undone alone, and no one hears of success before the commit.
/// Units run one after the other in the order in which they came, each seeing what those before it wrote. A unit never waits for another unit.
/// </summary>
public sealed class FleetWriter : IAsyncDisposable
{
    /// <summary>Units waiting; when full, whoever brings one more waits.</summary>
    internal const int MaxWaiting = 1_000;

    /// <summary>Units in one transaction, at most: the last of them waits for the first.</summary>
    internal const int MaxUnits = 128;
    private const string Savepoint = "unit";

    private readonly Channel<WriteUnit> _waiting = Channel.CreateBounded<WriteUnit>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });
    private readonly IDbContextFactory<FleetDbContext> _databases;
    private readonly AuditChain _chain;
    private readonly ILogger<FleetWriter> _log;
    private readonly GroupCommit<WriteUnit> _commits;
    private readonly InsertPlans _plans = new();
    private readonly AsyncLocal<bool> _inside = new();

    public FleetWriter(IDbContextFactory<FleetDbContext> databases, AuditChain chain, ILogger<FleetWriter> log)
    {
        (_databases, _chain, _log) = (databases, chain, log);
        _commits = new GroupCommit<WriteUnit>(_waiting.Reader, MaxUnits, Store);
    }

    /// <summary>Transactions committed.</summary>
    internal long Commits { get; private set; }

    /// <summary>Units committed.</summary>
    internal long Units { get; private set; }

    /// <param name="unit">Runs inside the writer's transaction, while no other does. What it has added to the context is saved when it ends. May not use this writer.</param>
    /// <param name="ct">Before the unit has begun: it will not run. After that it is the unit's own affair.</param>
    public Task<T> RunAsync<T>(Func<FleetDbContext, CancellationToken, Task<T>> unit, CancellationToken ct) => RunAsync(unit, static _ => true, ct);

    /// <param name="unit">Runs inside the writer's transaction, while no other does. What it has added to the context is saved when it ends. May not use this writer.</param>
    /// <param name="keep">Of what the unit answers: whether what it wrote stands. If not it is undone, and the answer is given all the same.</param>
    /// <param name="ct">Before the unit has begun: it will not run. After that it is the unit's own affair.</param>
    public async Task<T> RunAsync<T>(Func<FleetDbContext, CancellationToken, Task<T>> unit, Func<T, bool> keep, CancellationToken ct)
    {
        // It would wait for a transaction that waits for it. Followed by the flow and not by the thread: where the database is a server, a unit changes threads.
        if (_inside.Value) throw new InvalidOperationException("A unit of the writer may not use the writer.");
        var waiting = new WriteUnit<T>(unit, keep, ct);
        await using var registration = ct.UnsafeRegister(static state => ((WriteUnit<T>)state!).CancelIfWaiting(), waiting);
        try
        {
            await _waiting.Writer.WriteAsync(waiting, ct);
        }
        catch (ChannelClosedException)
        {
            throw new FleetStoppingException();
        }
        return await waiting.Task;
    }

    /// <summary>Takes nothing more, and ends when everything taken is committed or has failed.</summary>
    public async Task StopAsync()
    {
        _waiting.Writer.TryComplete();
        await _commits.Ended;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private void Store(List<WriteUnit> units)
    {
        units.RemoveAll(unit => !unit.TryStart());
        if (units.Count == 0) return;
        _inside.Value = true;
        try
        {
            OwnThread.Run(() => CommitAsync(units));
            (Commits, Units) = (Commits + 1, Units + units.Count);
        }
        catch (Exception error) // Whatever the database said: nothing of these units is stored, and the next ones have their own chance.
        {
            FleetLog.UnitsNotStored(_log, units.Count, error);
            foreach (var unit in units) unit.Fail(error);
            return;
        }
        finally
        {
            _inside.Value = false;
        }
        foreach (var unit in units) unit.Complete();
    }

    private async Task CommitAsync(List<WriteUnit> units)
    {
        await using var db = await _databases.CreateDbContextAsync();
        db.Database.AutoSavepointsEnabled = false; // Each unit has one already.
        using var statements = new PreparedStatements(db, _plans);
        db.Shared = new SharedTransaction(statements);
        try
        {
            await using var transaction = await db.Database.BeginTransactionAsync();
            foreach (var unit in units) await RunAsync(db, transaction, unit);
            await _chain.AppendAsync(db, db.Shared.Audit, CancellationToken.None);
            await transaction.CommitAsync();
        }
        finally
        {
            db.Shared = null; // The context goes back to its pool.
        }
    }

    private static async Task RunAsync(FleetDbContext db, IDbContextTransaction transaction, WriteUnit unit)
    {
        await transaction.CreateSavepointAsync(Savepoint);
        var mark = db.Shared!.Mark();
        var keep = await unit.RunAsync(db);
        db.ChangeTracker.Clear();
        if (!keep)
        {
            db.Shared.ResetTo(mark);
            await transaction.RollbackToSavepointAsync(Savepoint); // Fails when the database has given up the transaction, and then so does every unit.
        }
        await transaction.ReleaseSavepointAsync(Savepoint);
    }
}
