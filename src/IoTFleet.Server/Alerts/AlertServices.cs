using IoTFleet.Fleet.Telemetry.Rules;
using Microsoft.AspNetCore.DataProtection;

namespace IoTFleet.Server.Alerts;

internal static class AlertServices
{
    /// <summary>The watch over the rules, and who tells of what it finds.</summary>
    public static IServiceCollection AddAlerts(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(WebhookOptions.From(configuration)).AddSingleton<WebhookCall>();
        services.AddSingleton(provider =>
        {
            var protector = provider.GetRequiredService<IDataProtectionProvider>().CreateProtector("webhooks");
            return new WebhookSecrets(protector.Protect, protector.Unprotect);
        });
        services.AddSingleton(provider => new WebhookCaller(async (delivery, token) =>
        {
            var result = await provider.GetRequiredService<WebhookCall>().SendAsync(delivery, token);
            return new WebhookAnswer(result.Status, result.Problem);
        }));
        return services.AddHostedService<RuleWatching>().AddHostedService<AlertSender>();
    }

    /// <summary>Starts with the server and stops with it.</summary>
    private sealed class RuleWatching(RuleWatch watch) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            watch.Start();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => watch.StopAsync();
    }
}
