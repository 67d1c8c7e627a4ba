using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry.Rules;

internal static class RuleServices
{
    /// <summary>Rules and their alerts. <see cref="WebhookSecrets"/> and <see cref="WebhookCaller"/> are the host's to add, <see cref="RuleWatch.Start"/> to call, and what is to be delivered to deliver.</summary>
    internal static IServiceCollection AddRules(this IServiceCollection services)
    {
        services.AddSingleton<RuleSignals>().AddSingleton<DeliveryQueue>();
        services.AddSingleton(provider => new RuleWatch(
            provider.GetRequiredService<IDbContextFactory<FleetDbContext>>(), provider.GetRequiredService<TelemetryFeed>(), provider.GetRequiredService<TelemetryReader>(),
            provider.GetRequiredService<FleetWriter>(), provider.GetRequiredService<RuleSignals>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<RuleWatch>>()));
        services.AddSingleton<CreateRule>().AddSingleton<ChangeRule>().AddSingleton<DeleteRule>().AddSingleton<FindRules>();
        services.AddSingleton<FindAlerts>().AddSingleton<AcknowledgeAlert>().AddSingleton<CloseAlert>();
        services.AddSingleton<CreateWebhook>().AddSingleton<DeleteWebhook>().AddSingleton<FindWebhooks>();
        services.AddSingleton<RotateWebhookSecret>().AddSingleton<RetireWebhookSecret>().AddSingleton<TestWebhook>();
        return services.AddSingleton<FindDeliveries>().AddSingleton<ReplayDelivery>();
    }
}
