using IoTFleet.Fleet.Telemetry.Quarantine;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Telemetry.Formats;

internal static class FormatServices
{
    /// <summary>Reading what devices send, and the quarantine of what cannot be read.</summary>
    internal static IServiceCollection AddFormats(this IServiceCollection services, FormatOptions options)
    {
        options.Validate();
        services.AddSingleton(options).AddSingleton<PayloadReader>(provider => new PayloadReader(provider.GetRequiredService<FormatOptions>()));
        return services.AddSingleton<PayloadQuarantine>().AddSingleton<FindQuarantined>().AddSingleton<DeleteQuarantined>();
    }
}
