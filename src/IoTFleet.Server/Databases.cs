using IoTFleet.Fleet.PostgreSql;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.SqlServer;
using IoTFleet.Pki;

namespace IoTFleet.Server;

/// <summary>The values of IoTFleet:Database.</summary>
internal static class DatabaseNames
{
    public const string Sqlite = "sqlite";
    public const string PostgreSql = "postgresql";
    public const string SqlServer = "sqlserver";

    public static readonly string[] All = [Sqlite, PostgreSql, SqlServer];
}

/// <summary>The one place that knows which database it is.</summary>
internal static class Databases
{
    public static void AddDatabases(this IServiceCollection services, ServerOptions options, DataFolder data)
    {
        services.AddSqliteSessions(data.Sessions);      // of this node's clients, so they stay with it
        switch (options.Database)
        {
            case DatabaseNames.PostgreSql:
                services.AddPostgreSqlFleet(ConnectionString(options)).AddPostgreSqlTelemetry(ConnectionString(options));
                break;
            case DatabaseNames.SqlServer:
                services.AddSqlServerFleet(ConnectionString(options)).AddSqlServerTelemetry(ConnectionString(options));
                break;
            default:
                services.AddSqliteFleet(data.Database).AddSqliteTelemetry(data.Telemetry, data.TelemetryLog);
                break;
        }
    }

    private static string ConnectionString(ServerOptions options) =>
        KeySecrets.FindText(options.ConnectionStringFile, options.ConnectionString, "database-connection", Environment.GetEnvironmentVariable)
        ?? throw new StartupException($"IoTFleet:Database is {options.Database}, and there is no connection string; give it in IoTFleet:ConnectionString, in the file of IoTFleet:ConnectionStringFile, or as the systemd credential database-connection.");
}
