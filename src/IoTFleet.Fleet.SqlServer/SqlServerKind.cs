using System.Data.Common;
using System.Globalization;
using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.SqlServer;

internal sealed class SqlServerKind(string connectionString) : IDatabaseKind
{
    /// <summary>SQL Server 2019.</summary>
    internal const int Oldest = 15;

    private const int LoginFailed = 18456;
    private const int CannotOpenDatabase = 4060;
    private const int DatabaseUnknown = 911;
    private const int PermissionDenied = 229;
    private const int CreateDenied = 262;
    private const byte ConnectionLost = 20; // Errors of this class and above end the connection.

    /// <summary>Deadlock; lock timeout; command timeout; snapshot conflict; too busy, being moved or starting (Azure SQL and failover).</summary>
    private static readonly int[] Passing = [1205, 1222, -2, 3960, 701, 921, 922, 8645, 8651, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920, OneWriter.NoTurn];

    private const string Lock = """
        DECLARE @got int;
        EXEC @got = sp_getapplock @Resource = N'iotfleet-migrations', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 600000;
        IF @got < 0 THROW 51002, N'Another node has been changing the tables for ten minutes.', 1;
        """;

    private const string Unlock = "EXEC sp_releaseapplock @Resource = N'iotfleet-migrations', @LockOwner = N'Session';";

    private readonly SqlConnectionStringBuilder _settings = new(connectionString);

    private string Server => $"SQL Server at {_settings.DataSource}";

    public async Task CheckAsync(DbContext db, CancellationToken ct)
    {
        await using var connection = new SqlConnection(connectionString);
        await connection.OpenAsync(ct);
        var major = int.Parse(connection.ServerVersion.Split('.')[0], CultureInfo.InvariantCulture);
        if (major < Oldest) throw new DatabaseUnusableException($"{Server} is version {connection.ServerVersion}; the fleet needs SQL Server 2019 ({Oldest}.0) or newer.");
        if (await ScalarAsync(connection, "SELECT CAST(delayed_durability AS int) FROM sys.databases WHERE name = DB_NAME()", ct) is 2)
            throw new DatabaseUnusableException($"The database {_settings.InitialCatalog} of {Server} confirms before it has stored; switch that off with: ALTER DATABASE CURRENT SET DELAYED_DURABILITY = DISABLED;");
    }

    public async Task<IReadOnlyList<string>> MigrateAsync(DbContext db, CancellationToken ct)
    {
        if (!(await db.Database.GetPendingMigrationsAsync(ct)).Any()) return [];
        await db.Database.OpenConnectionAsync(ct); // The lock is the connection's, so it stays open until the end, and frees it however that comes.
        try
        {
            await RequireRightsAsync((SqlConnection)db.Database.GetDbConnection(), ct);
            db.Database.SetCommandTimeout(TimeSpan.FromMinutes(11));
            await db.Database.ExecuteSqlRawAsync(Lock, ct);
            var applied = await db.ApplyPendingAsync(ct);
            await db.Database.ExecuteSqlRawAsync(Unlock, ct);
            return applied;
        }
        finally
        {
            db.Database.SetCommandTimeout(null);
            await db.Database.CloseConnectionAsync();
        }
    }

    public bool IsAway(Exception error) => error.Find<SqlException>() is { } said
        ? said.Class >= ConnectionLost || said.InnerException is System.ComponentModel.Win32Exception || Array.IndexOf(Passing, said.Number) >= 0
        : error.Find<InvalidOperationException>() is { Source: "Microsoft.Data.SqlClient" } local && local.Message.Contains("pool", StringComparison.OrdinalIgnoreCase);

    public string Explain(DbException error) => error is not SqlException said ? $"{Server} cannot be used: {error.Message}" : said.Number switch
    {
        LoginFailed => $"{Server} does not let user {_settings.UserID} in; check User ID and Password in IoTFleet:ConnectionString.",
        CannotOpenDatabase or DatabaseUnknown =>
            $"{Server} has no database {_settings.InitialCatalog} that user {_settings.UserID} may use; make it with: CREATE DATABASE [{_settings.InitialCatalog}] COLLATE Latin1_General_100_BIN2;",
        PermissionDenied or CreateDenied => $"User {_settings.UserID} may not use {_settings.InitialCatalog} of {Server} as the fleet must: {said.Message}; make it a member of db_owner.",
        _ when IsAway(said) => $"{Server} cannot be reached: {FirstLine(said.Message)}; check that it runs, and Server in IoTFleet:ConnectionString.",
        var number => $"{Server} refuses: {FirstLine(said.Message)} ({number}).",
    };

    private static string FirstLine(string text) => text.Split('\n', 2)[0].TrimEnd('\r', '.');

    private async Task RequireRightsAsync(SqlConnection connection, CancellationToken ct)
    {
        if (await ScalarAsync(connection, "SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE')", ct) is 1) return;
        throw new DatabaseUnusableException($"User {_settings.UserID} may not make tables in the database {_settings.InitialCatalog} of {Server}; make it a member of db_owner.");
    }

    private static async Task<object?> ScalarAsync(SqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new SqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(ct);
    }
}
