using IoTFleet.Fleet.Telemetry.Rollups;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Telemetry;

/// <summary>What goes on behind storing and reading: rollups.</summary>
public sealed class TelemetryUpkeep(IServiceProvider services)
{
    private readonly TelemetryRollup _rollup = services.GetRequiredService<TelemetryRollup>();

    public void Start() => _rollup.Start();

    public Task StopAsync() => _rollup.StopAsync();
}
