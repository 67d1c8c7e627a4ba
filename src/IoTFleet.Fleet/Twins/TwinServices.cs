using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Twins;

internal static class TwinServices
{
    public static void AddTwins(this IServiceCollection services) => services
        .AddSingleton<TwinWriter>().AddSingleton<ReadDesired>().AddSingleton<StoreReported>()
        .AddSingleton<FindTwins>().AddSingleton<ChangeDesired>().AddSingleton<ChangeManyDesired>();
}
