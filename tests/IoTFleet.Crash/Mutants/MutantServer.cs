using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace IoTFleet.Crash.Mutants;

/// <summary>The product's own composition, with its telemetry store behind a <see cref="Mutant"/>. The product knows nothing of it.</summary>
internal static class MutantServer
{
    public static async Task<int> RunAsync(string mutant, string data, CancellationToken ct)
    {
        await using var server = await FleetServer.StartAsync(
            new Dictionary<string, string?> { ["IoTFleet:Data"] = data },
            builder => builder.Host.UseServiceProviderFactory(new ReplacingFactory(mutant)), ct);
        await server.WaitForShutdownAsync();
        return 0;
    }

    /// <summary>Comes last, when the product has registered everything.</summary>
    private sealed class ReplacingFactory(string mutant) : IServiceProviderFactory<IServiceCollection>
    {
        public IServiceCollection CreateBuilder(IServiceCollection services) => services;

        public IServiceProvider CreateServiceProvider(IServiceCollection containerBuilder)
        {
            var real = containerBuilder.Single(service => service.ServiceType == typeof(ITelemetryStore));
            containerBuilder.Replace(ServiceDescriptor.Singleton<ITelemetryStore>(provider => Mutant.Around(Made(real, provider), mutant)));
            return containerBuilder.BuildServiceProvider();
        }

        private static ITelemetryStore Made(ServiceDescriptor real, IServiceProvider provider) => (ITelemetryStore)(
            real.ImplementationInstance ?? real.ImplementationFactory?.Invoke(provider) ?? ActivatorUtilities.CreateInstance(provider, real.ImplementationType!));
    }
}
