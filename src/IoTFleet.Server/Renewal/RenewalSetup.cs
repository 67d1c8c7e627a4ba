using IoTFleet.Fleet.Certificates;
using IoTFleet.Server.Diagnosis;

namespace IoTFleet.Server.Renewal;

internal static class RenewalSetup
{
    /// <summary>To be added before the fleet, which has defaults for who brings no settings.</summary>
    public static IServiceCollection AddRenewalDoors(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(Settings(configuration)).AddSingleton<StatusNonces>();
        services.AddHostedService<RenewalPace>().AddHostedService<CloneWatch>();
        return services;
    }

    private static RenewalOptions Settings(IConfiguration configuration)
    {
        var options = configuration.GetSection("Renewal").Get<RenewalOptions>() ?? new RenewalOptions();
        try
        {
            options.Validate();
            return options;
        }
        catch (ArgumentException problem)
        {
            throw new StartupException(problem.Message, problem);
        }
    }
}
