using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace IoTFleet.Fleet.SqlServer;

/// <summary>For <c>dotnet ef migrations add</c>, which only needs the model.</summary>
internal sealed class SqlServerDesignTime : IDesignTimeDbContextFactory<FleetDbContext>
{
    public FleetDbContext CreateDbContext(string[] args) =>
        new((DbContextOptions<FleetDbContext>)new DbContextOptionsBuilder<FleetDbContext>().UseSqlServerFleet("Server=design-time;Database=fleet").Options);
}

/// <summary>The same for telemetry: <c>--context TelemetryDbContext --output-dir Migrations/Telemetry</c>.</summary>
internal sealed class SqlServerTelemetryDesignTime : IDesignTimeDbContextFactory<TelemetryDbContext>
{
    public TelemetryDbContext CreateDbContext(string[] args) =>
        new((DbContextOptions<TelemetryDbContext>)new DbContextOptionsBuilder<TelemetryDbContext>().UseSqlServerFleet("Server=design-time;Database=fleet", SqlServerFleet.TelemetryHistory).Options);
}
