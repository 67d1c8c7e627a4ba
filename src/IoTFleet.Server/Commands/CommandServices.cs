using IoTFleet.Server.Mqtt;

namespace IoTFleet.Server.Commands;

internal static class CommandServices
{
    /// <summary>Commands on their way to devices, and answers on their way back.</summary>
    public static IServiceCollection AddCommands(this IServiceCollection services)
    {
        services.AddSingleton<CommandRelay>().AddSingleton<CommandEnds>().AddSingleton<WaitingDevices>().AddSingleton<CommandDesk>();
        services.AddSingleton<IDeviceTopic, AnswerTopic>();
        services.AddSingleton<CommandSteps>().AddHostedService(provider => provider.GetRequiredService<CommandSteps>());
        services.AddSingleton<CommandRedelivery>().AddHostedService(provider => provider.GetRequiredService<CommandRedelivery>());
        services.AddSingleton<ISubscriptionWatch>(provider => provider.GetRequiredService<CommandRedelivery>());
        services.AddSingleton<CommandWatch>().AddHostedService(provider => provider.GetRequiredService<CommandWatch>());
        return services;
    }
}
