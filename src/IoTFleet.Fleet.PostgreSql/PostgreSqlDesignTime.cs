using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace IoTFleet.Fleet.PostgreSql;

/// <summary>For <c>dotnet ef migrations add</c>, which only needs the model.</summary>
internal sealed class PostgreSqlDesignTime : IDesignTimeDbContextFactory<FleetDbContext>
{
    public FleetDbContext CreateDbContext(string[] args) =>
        new((DbContextOptions<FleetDbContext>)new DbContextOptionsBuilder<FleetDbContext>().UsePostgreSqlFleet("Host=design-time").Options);
}

/// <summary>The same for telemetry: <c>--context TelemetryDbContext --output-dir Migrations/Telemetry</c>.</summary>
internal sealed class PostgreSqlTelemetryDesignTime : IDesignTimeDbContextFactory<TelemetryDbContext>
{
    public TelemetryDbContext CreateDbContext(string[] args) =>
        new((DbContextOptions<TelemetryDbContext>)new DbContextOptionsBuilder<TelemetryDbContext>().UsePostgreSqlFleet("Host=design-time", PostgreSqlFleet.TelemetryHistory).Options);
}
