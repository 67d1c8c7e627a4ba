using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace IoTFleet.Fleet.Certificates;

internal static class RenewalServices
{
    /// <summary>A host that has settings of its own adds its <see cref="RenewalOptions"/> before.</summary>
    public static void AddRenewal(this IServiceCollection services)
    {
        services.TryAddSingleton(new RenewalOptions());
        services.AddSingleton<RenewalTurns>().AddSingleton<RenewalSchedule>().AddSingleton<FirstUses>().AddSingleton<LineageGuard>().AddSingleton<RenewCertificate>();
        services.AddSingleton<FindRenewalWindow>().AddSingleton<RequestRenewal>().AddSingleton<ForecastExpiry>().AddSingleton<ExplainCertificate>();
    }
}
