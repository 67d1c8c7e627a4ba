using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace IoTFleet.Broker;

public static class BrokerServices
{
    /// <summary>Adds the broker engine. The host also registers its <see cref="IAccessPolicy"/> and <see cref="IMessageSink"/>,
    /// and an <see cref="IBrokerStore"/> if sessions are to survive the process; it calls <see cref="MqttBroker.LoadAsync"/> before it listens.</summary>
    public static IServiceCollection AddBroker(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IValidateOptions<BrokerOptions>, BrokerOptionsCheck>();
        services.AddOptions<BrokerOptions>().BindConfiguration("Broker").ValidateOnStart();
        services.AddSingleton<BrokerMetrics>();
        services.AddSingleton<RefusalLog>();
        services.TryAddSingleton<IBrokerStore, InMemoryBrokerStore>();
        services.AddSingleton<MqttBroker>();
        services.AddSingleton<MqttConnectionHandler>();
        return services;
    }

    private sealed class BrokerOptionsCheck : IValidateOptions<BrokerOptions>
    {
        public ValidateOptionsResult Validate(string? name, BrokerOptions options) =>
            options.Problems().ToList() is { Count: > 0 } problems ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
