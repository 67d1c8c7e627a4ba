using IoTFleet.Fleet.Sessions;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace IoTFleet.Fleet.Sqlite;

/// <summary>For <c>dotnet ef migrations add</c>, which only needs the model.</summary>
internal sealed class SqliteDesignTime : IDesignTimeDbContextFactory<FleetDbContext>
{
    public FleetDbContext CreateDbContext(string[] args) =>
        new((DbContextOptions<FleetDbContext>)new DbContextOptionsBuilder<FleetDbContext>().UseSqliteFleet("design-time.db").Options);
}

/// <summary>The same for the broker's database: <c>--context SessionsDbContext --output-dir Migrations/Sessions</c>.</summary>
internal sealed class SqliteSessionsDesignTime : IDesignTimeDbContextFactory<SessionsDbContext>
{
    public SessionsDbContext CreateDbContext(string[] args) =>
        new((DbContextOptions<SessionsDbContext>)new DbContextOptionsBuilder<SessionsDbContext>().UseSqliteFleet("design-time.db").Options);
}

/// <summary>The same for telemetry: <c>--context TelemetryDbContext --output-dir Migrations/Telemetry</c>.</summary>
internal sealed class SqliteTelemetryDesignTime : IDesignTimeDbContextFactory<TelemetryDbContext>
{
    public TelemetryDbContext CreateDbContext(string[] args) =>
        new((DbContextOptions<TelemetryDbContext>)new DbContextOptionsBuilder<TelemetryDbContext>().UseSqliteFleet("design-time.db").Options);
}
