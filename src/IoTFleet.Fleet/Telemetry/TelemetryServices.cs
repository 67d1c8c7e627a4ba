using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Fleet.Telemetry.Retention;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry;

internal static class TelemetryServices
{
    internal static IServiceCollection AddTelemetry(this IServiceCollection services, TelemetryOptions options)
    {
        services.AddSingleton(options).AddSingleton<TelemetryFeed>().AddSingleton<TelemetryHealth>();
        services.AddSingleton<TelemetryTail>().AddSingleton<StorePatience>().AddSingleton<TelemetryMerger>().AddSingleton<TelemetryRollup>();
        services.AddSingleton<TelemetryRetention>().AddSingleton(provider => new TelemetryUpkeep(
            provider.GetRequiredService<TelemetryRollup>(), provider.GetRequiredService<TelemetryRetention>(), options,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<TelemetryUpkeep>>()));
        services.AddSingleton(provider => new TelemetryIngest(
            provider.GetRequiredService<ITelemetryStore>(), options, provider.GetRequiredService<IDbContextFactory<TelemetryDbContext>>(),
            provider.GetRequiredService<TelemetryTail>(), provider.GetRequiredService<TelemetryMerger>(), provider.GetRequiredService<TelemetryFeed>(),
            provider.GetRequiredService<StorePatience>(), provider.GetRequiredService<FleetMetrics>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<TelemetryIngest>>()));
        services.AddSingleton(provider => new TelemetryReader(
            provider.GetRequiredService<IDbContextFactory<TelemetryDbContext>>(), provider.GetRequiredService<TelemetryTail>()));
        services.AddSingleton<QueryTelemetry>().AddSingleton<DeviceDirectory>().AddSingleton<ReadBuckets>();
        services.AddSingleton<ReadLatestValues>().AddSingleton<ReadHistory>().AddSingleton<ExportTelemetry>().AddSingleton<WatchTelemetry>();
        return services;
    }
}
