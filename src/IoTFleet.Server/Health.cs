using IoTFleet.Fleet;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
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
        app.MapHealthChecks("/readyz", new HealthCheckOptions { ResponseWriter = WriteAsync }).AllowAnonymous();
    }

    /// <summary>What fails and since when, for everybody; the database's own words, which may name hosts and paths, are in the log.</summary>
    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        var failing = report.Entries.Where(entry => entry.Value.Status != HealthStatus.Healthy)
            .Select(entry => $"\n{entry.Key}: {(entry.Value.Exception is null ? entry.Value.Description : "does not answer; see the server's log.")}");
        return context.Response.WriteAsync(report.Status + string.Concat(failing), context.RequestAborted);
    }

    private sealed class DatabaseAnswers(FindDevices devices) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await devices.RunAsync(Actor.System, new FindDevicesRequest(Limit: 1), cancellationToken);     // an exception is the unhealthy answer
            return HealthCheckResult.Healthy();
        }
    }

    private sealed class TelemetryIsStored(TelemetryHealth telemetry, TelemetryIngest ingest) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            var faults = telemetry.Faults;
            var text = string.Join(' ', faults.Select(fault => $"The telemetry store's {fault.What} fails since {fault.Since:O} ({fault.Code})."));
            return Task.FromResult(
                faults.Any(fault => fault.What == TelemetryFault.Log) ? HealthCheckResult.Unhealthy(text)
                : faults.Any(fault => fault.What == TelemetryFault.Merge) && ingest.WaitsForMerge ? HealthCheckResult.Unhealthy(text + " The log holds all it may, so nothing more is stored.")
                : faults.Count > 0 ? HealthCheckResult.Degraded(text)
                : HealthCheckResult.Healthy());
        }
    }
}
