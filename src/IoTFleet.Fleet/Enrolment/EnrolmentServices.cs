using IoTFleet.Fleet.Enrolment.Groups;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Enrolment;

internal static class EnrolmentServices
{
    public static IServiceCollection AddEnrolment(this IServiceCollection services)
    {
        services.AddSingleton<CreateToken>().AddSingleton<FindTokens>().AddSingleton<RevokeToken>().AddSingleton<EnrolDevice>();
        services.AddSingleton<CreateGroup>().AddSingleton<ChangeGroup>().AddSingleton<CloseGroup>().AddSingleton<FindGroups>();
        return services;
    }
}
