using IoTFleet.Fleet.Status;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace IoTFleet.Fleet.Certificates;

internal static class RevocationServices
{
    /// <summary>Taking rights away, knowing where it is in force, and telling third parties.</summary>
    public static IServiceCollection AddRevocation(this IServiceCollection services)
    {
        services.TryAddSingleton(new RevocationOptions());
        services.AddSingleton<RevocationFeed>().AddSingleton<RevokedSet>().AddSingleton<OverrideRevocations>().AddSingleton<ReportNode>();
        services.AddSingleton<RevokeDevice>().AddSingleton<RevokeCertificate>().AddSingleton<SuspendCertificate>().AddSingleton<BlockKey>().AddSingleton<ChangeBatch>();
        services.AddSingleton<ManyDevices>().AddSingleton<RevokeMany>().AddSingleton<ConfirmRevocation>().AddSingleton<RevokeAuthority>().AddSingleton<FindCertificates>().AddSingleton<FindShutOut>();
        services.AddSingleton<FindStatus>().AddSingleton<OcspResponders>().AddSingleton<AnswerOcsp>().AddSingleton<PublishCrl>().AddSingleton<FindCrl>();
        return services;
    }
}
