using System.Data.Common;
using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;
using Polly;
using Polly.Retry;

namespace IoTFleet.Fleet.PostgreSql;

internal sealed class PostgreSqlKind(string connectionString) : IDatabaseKind
{
    /// <summary>The oldest release that its makers still mend.</summary>
    internal const int Oldest = 14;

    private const string Lock = "SELECT pg_advisory_lock(1232033862, 2)"; // 'IoTF', migrations
    private const string Unlock = "SELECT pg_advisory_unlock(1232033862, 2)";

    /// <summary>After the power was cut both start together, and the database recovers first.</summary>
    private static readonly ResiliencePipeline WhenStarted = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<PostgresException>(said => said.SqlState == PostgresErrorCodes.CannotConnectNow),
        MaxRetryAttempts = 240,
        Delay = TimeSpan.FromMilliseconds(250),
    }).Build();

    private readonly NpgsqlConnectionStringBuilder _settings = new(connectionString);

    private string Server => $"PostgreSQL at {_settings.Host}:{_settings.Port}";

    public async Task CheckAsync(DbContext db, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await WhenStarted.ExecuteAsync(async token => await connection.OpenAsync(token), ct);
        if (connection.PostgreSqlVersion.Major < Oldest)
            throw new DatabaseUnusableException($"{Server} is version {connection.PostgreSqlVersion}; the fleet needs {Oldest} or newer.");
        if (await ScalarAsync(connection, "SHOW server_encoding", ct) is not "UTF8" and var encoding)
            throw new DatabaseUnusableException($"The database {connection.Database} of {Server} is encoded in {encoding}; make one with: {Create}");
        if (await ScalarAsync(connection, "SHOW synchronous_commit", ct) is "off" || await ScalarAsync(connection, "SHOW fsync", ct) is "off")
            throw new DatabaseUnusableException($"{Server} confirms before it has stored (fsync or synchronous_commit is off), and what devices are told is stored could be lost; switch both on.");
    }

    /// <summary>EF's own lock is a table's, which a database that is new does not have yet; this one is there from the beginning.</summary>
    public async Task<IReadOnlyList<string>> MigrateAsync(DbContext db, CancellationToken ct)
    {
        if (await HasHistoryAsync(db, ct) && !(await db.Database.GetPendingMigrationsAsync(ct)).Any()) return [];
        await db.Database.OpenConnectionAsync(ct); // The lock is the connection's, so it stays open until the end, and frees it however that comes.
        try
        {
            await RequireRightsAsync((NpgsqlConnection)db.Database.GetDbConnection(), ct);
            db.Database.SetCommandTimeout(TimeSpan.FromMinutes(10)); // Another node may have much to do.
            await db.Database.ExecuteSqlRawAsync(Lock, ct);
            if (!await HasHistoryAsync(db, ct)) await db.GetService<IHistoryRepository>().CreateAsync(ct);
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

    public bool IsAway(Exception error) => error.Find<NpgsqlException>() is { } said
        && (said.IsTransient || said.SqlState?.StartsWith("57P", StringComparison.Ordinal) == true); // 57P: the server stops, has crashed, or is starting.

    public string Explain(DbException error) => error switch
    {
        { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
            $"{Server} does not let user {_settings.Username} in: {Said(error)}; check user and password in IoTFleet:ConnectionString, and the server's pg_hba.conf.",
        { SqlState: PostgresErrorCodes.InvalidCatalogName } => $"{Server} has no database {_settings.Database}; make it with: {Create}",
        { SqlState: PostgresErrorCodes.InsufficientPrivilege } => $"User {_settings.Username} may not use {_settings.Database} of {Server} as the fleet must: {Said(error)}; make the user its owner.",
        { SqlState: { } state } => $"{Server} refuses: {Said(error)} ({state}).",
        { InnerException: SocketException or TimeoutException or IOException } => $"{Server} cannot be reached: {error.InnerException.Message}; check that it runs, and Host and Port in IoTFleet:ConnectionString.",
        _ => $"{Server} cannot be used: {error.Message}",
    };

    private string Create => $"CREATE DATABASE {_settings.Database} OWNER {_settings.Username} ENCODING 'UTF8' TEMPLATE template0;";

    private static string Said(DbException error) => error is PostgresException said ? said.MessageText : error.Message;

    /// <summary>Asked for migrations without it, EF logs an error and goes on.</summary>
    private static Task<bool> HasHistoryAsync(DbContext db, CancellationToken ct)
    {
        var table = RelationalOptionsExtension.Extract(db.GetService<IDbContextOptions>()).MigrationsHistoryTableName;
        return db.Database.SqlQuery<bool>($"""SELECT to_regclass('"' || {table} || '"') IS NOT NULL AS "Value" """).SingleAsync(ct);
    }

    private async Task RequireRightsAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        if (await ScalarAsync(connection, "SELECT has_schema_privilege(current_schema(), 'CREATE')", ct) is true) return;
        throw new DatabaseUnusableException($"User {_settings.Username} may not make tables in the database {_settings.Database} of {Server}; make the user its owner: ALTER DATABASE {_settings.Database} OWNER TO {_settings.Username};");
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(ct);
    }
}
