using IoTFleet.Fleet.Enrolment.Approvals;
using IoTFleet.Fleet.Enrolment.Claims;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Fleet.Enrolment.Import;
using IoTFleet.Fleet.Enrolment.Manufacturers;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Enrolment;

internal static class EnrolmentServices
{
    public static IServiceCollection AddEnrolment(this IServiceCollection services)
    {
        services.AddSingleton<CreateToken>().AddSingleton<FindTokens>().AddSingleton<RevokeToken>().AddSingleton<EnrolDevice>();
        services.AddSingleton<CreateGroup>().AddSingleton<ChangeGroup>().AddSingleton<CloseGroup>().AddSingleton<FindGroups>().AddSingleton<DescribeGroup>();
        services.AddSingleton<ImportDevices>();
        services.AddSingleton<FindPending>().AddSingleton<DecideEnrolment>().AddSingleton<ForgetPending>();
        services.AddSingleton<CreateBatch>().AddSingleton<IssueClaim>().AddSingleton<FindBatches>();
        services.AddSingleton<RegisterManufacturer>().AddSingleton<ProveManufacturer>().AddSingleton<FindManufacturers>().AddSingleton<RemoveManufacturer>();
        return services;
    }
}
