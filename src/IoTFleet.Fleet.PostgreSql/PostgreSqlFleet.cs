using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>PostgreSQL: a server of its own, which several nodes may share.</summary>
public static class PostgreSqlFleet
{
    internal const string FleetHistory = "FleetMigrations";
    internal const string TelemetryHistory = "TelemetryMigrations";

    /// <exception cref="DatabaseUnusableException">The connection string cannot be read.</exception>
    public static IServiceCollection AddPostgreSqlFleet(this IServiceCollection services, string connectionString)
    {
        var complete = Complete(connectionString).ToString();
        services.TryAddSingleton(FleetNode.OfThisMachine);
        services.TryAddSingleton<AuditChain>();
        services.AddPooledDbContextFactory<FleetDbContext>((provider, options) =>
            options.UsePostgreSqlFleet(complete).AddInterceptors(OneWriter.Instance, provider.GetRequiredService<AuditChain>()));
        services.AddSingleton<IDatabaseKind>(new PostgreSqlKind(complete)).AddSingleton<FleetDatabase>();
        return services;
    }

    /// <summary>Telemetry, in the same database.</summary>
    public static IServiceCollection AddPostgreSqlTelemetry(this IServiceCollection services, string connectionString)
    {
        var complete = Complete(connectionString).ToString();
        services.AddPooledDbContextFactory<TelemetryDbContext>(options => options.UsePostgreSqlFleet(complete, TelemetryHistory));
        services.TryAddSingleton<IDatabaseKind>(new PostgreSqlKind(complete));
        services.AddSingleton<TelemetryDatabase>().AddSingleton<ITelemetryStore>(new PostgreSqlTelemetryStore(complete));
        return services;
    }

    internal static DbContextOptionsBuilder UsePostgreSqlFleet(
        this DbContextOptionsBuilder options, string connectionString, string history = FleetHistory) => options
        .UseNpgsql(connectionString, npgsql => npgsql
            .MigrationsHistoryTable(history)
            .MigrationsAssembly(typeof(PostgreSqlFleet).Assembly.GetName().Name)
            .SetPostgresVersion(PostgreSqlKind.Oldest, 0))
        .ReplaceService<IModelCustomizer, ByteByByte>();

    /// <summary>What the operator left open. Each node of a fleet gets its share of the 100 connections that a server takes unless told otherwise.</summary>
    internal static NpgsqlConnectionStringBuilder Complete(string connectionString)
    {
        var given = Read(connectionString);
        if (string.IsNullOrEmpty(given.Host)) throw new DatabaseUnusableException("IoTFleet:ConnectionString names no Host; it must be such as 'Host=db.example;Database=iotfleet;Username=iotfleet;Password=...'.");
        given.ApplicationName ??= "iotfleet";
        if (!given.ShouldSerialize("Maximum Pool Size")) given.MaxPoolSize = 40;
        if (!given.ShouldSerialize("Timeout")) given.Timeout = 10;
        if (!given.ShouldSerialize("Keepalive")) given.KeepAlive = 30;     // A server that is gone without a word is found out.
        return given;
    }

    /// <summary>What the parser says may hold a piece of a password, so it is not repeated.</summary>
    private static NpgsqlConnectionStringBuilder Read(string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or FormatException or InvalidCastException)
        {
            throw new DatabaseUnusableException("IoTFleet:ConnectionString is not one of PostgreSQL; it must be such as 'Host=db.example;Database=iotfleet;Username=iotfleet;Password=...', with quotes around a value that holds a semicolon.");
        }
    }
}
