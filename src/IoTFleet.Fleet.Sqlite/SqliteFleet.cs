using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Sessions;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Sqlite;

/// <summary>The embedded database: one file, one server, nothing to install.</summary>
public static class SqliteFleet
{
    public static IServiceCollection AddSqliteFleet(this IServiceCollection services, string databaseFile)
    {
        var turns = new WriteTurns();
        services.TryAddSingleton(FleetNode.OfThisMachine);
        services.TryAddSingleton<AuditChain>();
        services.AddPooledDbContextFactory<FleetDbContext>((provider, options) =>
            options.UseSqliteFleet(databaseFile).AddInterceptors(turns, provider.GetRequiredService<AuditChain>()));
        services.AddSingleton<IDatabaseKind>(new SqliteKind(databaseFile)).AddSingleton<FleetDatabase>();
        services.AddSingleton(turns);
        return services;
    }

    /// <summary>Telemetry, in two files of its own: the log that is acknowledged from, and the tables behind.</summary>
    public static IServiceCollection AddSqliteTelemetry(this IServiceCollection services, string databaseFile, string logFile)
    {
        var turns = new WriteTurns();
        services.AddPooledDbContextFactory<TelemetryDbContext>(options => options.UseSqliteFleet(databaseFile).AddInterceptors(turns));
        services.AddSingleton(provider => new TelemetryDatabase(
            provider.GetRequiredService<IDbContextFactory<TelemetryDbContext>>(), new SqliteKind(databaseFile),
            provider.GetRequiredService<ILogger<TelemetryDatabase>>()));
        services.AddSingleton<ITelemetryStore>(_ => new SqliteTelemetryStore(databaseFile, logFile, turns));
        return services;
    }

    /// <summary>The broker's sessions, in a file of their own.</summary>
    public static IServiceCollection AddSqliteSessions(this IServiceCollection services, string databaseFile)
    {
        services.AddPooledDbContextFactory<SessionsDbContext>(options => options.UseSqliteFleet(databaseFile));
        services.AddSingleton(provider => new SessionsDatabase(
            provider.GetRequiredService<IDbContextFactory<SessionsDbContext>>(), SqliteMigration.PrepareAsync, SqliteKind.IsBusy,
            provider.GetRequiredService<ILogger<SessionsDatabase>>()));
        return services;
    }

    internal static DbContextOptionsBuilder UseSqliteFleet(this DbContextOptionsBuilder options, string databaseFile) => options
        .UseSqlite(ConnectionString(databaseFile), sqlite => sqlite.MigrationsAssembly(typeof(SqliteFleet).Assembly.GetName().Name))
        .AddInterceptors(DurableConnections.Instance);

    internal static string ConnectionString(string databaseFile) =>
        new SqliteConnectionStringBuilder { DataSource = databaseFile, ForeignKeys = true, DefaultTimeout = 10 }.ToString();
}
