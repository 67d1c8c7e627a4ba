using IoTFleet.Fleet;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace IoTFleet.Server;

/// <summary><c>/healthz</c>: the process answers. <c>/readyz</c>: its database does too, and telemetry is being stored.</summary>
internal static class Health
{
    public static IServiceCollection AddHealth(this IServiceCollection services)
    {
        services.AddHealthChecks().AddCheck<DatabaseAnswers>("database").AddCheck<TelemetryIsStored>("telemetry");
        return services;
    }

    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous();
        app.MapHealthChecks("/readyz").AllowAnonymous();
    }

    private sealed class DatabaseAnswers(FindDevices devices) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await devices.RunAsync(Actor.System, new FindDevicesRequest(Limit: 1), cancellationToken);     // an exception is the unhealthy answer
            return HealthCheckResult.Healthy();
        }
    }

    private sealed class TelemetryIsStored(TelemetryHealth telemetry) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var faults = telemetry.Faults;
            var text = string.Join(' ', faults.Select(fault => $"The telemetry store's {fault.What} fails since {fault.Since:O}: {fault.Problem}"));
            return Task.FromResult(
                faults.Any(fault => fault.What == TelemetryFault.Log) ? HealthCheckResult.Unhealthy(text)
                : faults.Count > 0 ? HealthCheckResult.Degraded(text)
                : HealthCheckResult.Healthy());
        }
    }
}
