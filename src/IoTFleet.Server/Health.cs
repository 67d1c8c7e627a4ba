using IoTFleet.Fleet;
using IoTFleet.Fleet.Devices;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace IoTFleet.Server;

/// <summary><c>/healthz</c>: the process answers. <c>/readyz</c>: and its database does too.</summary>
internal static class Health
{
    public static IServiceCollection AddHealth(this IServiceCollection services)
    {
        services.AddHealthChecks().AddCheck<DatabaseAnswers>("database");
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
}
