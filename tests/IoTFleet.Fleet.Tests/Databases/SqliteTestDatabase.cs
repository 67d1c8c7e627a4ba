using IoTFleet.Fleet.Sqlite;
using IoTFleet.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Tests.Databases;

internal sealed class SqliteTestDatabase : TestDatabase
{
    private readonly SqliteDatabase _database = new();

    internal string File => _database.File;

    internal override IServiceCollection AddTo(IServiceCollection services) => services
        .AddSqliteFleet(_database.File).AddSqliteTelemetry(_database.File + ".telemetry", _database.File + ".telemetry-log");

    internal override string InItsWords(string sql) => sql;

    internal override string RefuseInserts(string table) => $"CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END";

    internal override string AllowInserts(string table) => "DROP TRIGGER broken";

    internal override string AfterWriting(string table, string action) =>
        $"CREATE TRIGGER then_1 AFTER INSERT ON {table} BEGIN {action}; END; CREATE TRIGGER then_2 AFTER UPDATE ON {table} BEGIN {action}; END";

    internal override ValueTask CloseAsync(DbContext db)
    {
        SqliteConnection.ClearPool((SqliteConnection)db.Database.GetDbConnection()); // Else Windows would not let the file go.
        return ValueTask.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        _database.Dispose();
        return ValueTask.CompletedTask;
    }
}
