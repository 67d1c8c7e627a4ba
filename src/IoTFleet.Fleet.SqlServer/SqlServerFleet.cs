using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace IoTFleet.Fleet.SqlServer;

/// <summary>SQL Server: a server of its own, which several nodes may share.</summary>
public static class SqlServerFleet
{
    internal const string FleetHistory = "FleetMigrations";
    internal const string TelemetryHistory = "TelemetryMigrations";

    /// <exception cref="DatabaseUnusableException">The connection string cannot be read.</exception>
    public static IServiceCollection AddSqlServerFleet(this IServiceCollection services, string connectionString)
    {
        var complete = Complete(connectionString).ToString();
        services.TryAddSingleton(FleetNode.OfThisMachine);
        services.TryAddSingleton<AuditChain>();
        services.AddPooledDbContextFactory<FleetDbContext>((provider, options) =>
            options.UseSqlServerFleet(complete).AddInterceptors(OneWriter.Instance, provider.GetRequiredService<AuditChain>()));
        services.AddSingleton<IDatabaseKind>(new SqlServerKind(complete)).AddSingleton<FleetDatabase>();
        return services;
    }

    /// <summary>Telemetry, in the same database.</summary>
    public static IServiceCollection AddSqlServerTelemetry(this IServiceCollection services, string connectionString)
    {
        var complete = Complete(connectionString).ToString();
        services.AddPooledDbContextFactory<TelemetryDbContext>(options => options.UseSqlServerFleet(complete, TelemetryHistory));
        services.TryAddSingleton<IDatabaseKind>(new SqlServerKind(complete));
        services.AddSingleton<TelemetryDatabase>().AddSingleton<ITelemetryStore>(new SqlServerTelemetryStore(complete));
        return services;
    }

    internal static DbContextOptionsBuilder UseSqlServerFleet(
        this DbContextOptionsBuilder options, string connectionString, string history = FleetHistory) => options
        .UseSqlServer(connectionString, server => server
            .MigrationsHistoryTable(history)
            .MigrationsAssembly(typeof(SqlServerFleet).Assembly.GetName().Name)
            .UseCompatibilityLevel(150)) // SQL Server 2019, see SqlServerKind.Oldest
        .ReplaceService<IModelCustomizer, ByteByByte>();

    /// <summary>What the operator left open, and no more than one result at a time: savepoints, which units of writing stand on, know no other.</summary>
    internal static SqlConnectionStringBuilder Complete(string connectionString)
    {
        var given = Read(connectionString);
        if (given.DataSource.Length == 0 || given.InitialCatalog.Length == 0)
            throw new DatabaseUnusableException("IoTFleet:ConnectionString names no Server or no Database; it must be such as 'Server=db.example;Database=iotfleet;User ID=iotfleet;Password=...'.");
        given.MultipleActiveResultSets = false;
        if (!given.ShouldSerialize("Application Name")) given.ApplicationName = "iotfleet";
        return given;
    }

    /// <summary>What the parser says may hold a piece of a password, so it is not repeated.</summary>
    private static SqlConnectionStringBuilder Read(string connectionString)
    {
        try
        {
            return new SqlConnectionStringBuilder(connectionString);
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or FormatException or InvalidCastException or KeyNotFoundException)
        {
            throw new DatabaseUnusableException("IoTFleet:ConnectionString is not one of SQL Server; it must be such as 'Server=db.example;Database=iotfleet;User ID=iotfleet;Password=...', with quotes around a value that holds a semicolon.");
        }
    }
}
