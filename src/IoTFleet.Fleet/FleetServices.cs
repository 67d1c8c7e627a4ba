using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Commands;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Fleet.Operators;
using IoTFleet.Fleet.Services;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Fleet.Twins;
using IoTFleet.Pki;
using IoTFleet.Pki.Transparency;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace IoTFleet.Fleet;

public static class FleetServices
{
    /// <summary>
    /// The use cases. A database (such as <c>AddSqliteFleet</c>), logging, an <see cref="IssuancePolicy"/> and the
    /// <see cref="FleetAuthorities"/> of the CA folder are the host's to add, and <see cref="AuthorityDirectory.LoadAsync"/> to call.
    /// </summary>
    public static IServiceCollection AddFleet(this IServiceCollection services, TelemetryOptions? telemetry = null, FormatOptions? formats = null)
    {
        var options = telemetry ?? new TelemetryOptions();
        options.Validate();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(FleetNode.OfThisMachine);
        services.TryAddSingleton<AuditChain>();
        services.AddTelemetry(options);
        services.AddSingleton<FleetMetrics>().AddSingleton<FleetWriter>().AddSingleton<AuditTrail>();
        services.TryAddSingleton(provider => LogKey.Of(provider.GetRequiredService<FleetAuthorities>()));
        services.AddSingleton<IssuedLog>().AddSingleton<Issuance>().AddSingleton<AdoptCertificates>().AddSingleton<ReportIntents>();
        services.AddSingleton<FindLeaves>().AddSingleton<VerifyLog>().AddSingleton<FindAudit>().AddSingleton<VerifyAudit>();
        services.AddSingleton<RegisterDevice>().AddSingleton<FindDevices>().AddSingleton<SuspendDevice>().AddSingleton<ResumeDevice>();
        services.AddSingleton<AdmitDevice>();
        services.AddRevocation();
        services.AddSingleton<AuthorityDirectory>().AddSingleton<RotationSteps>().AddSingleton<BundleAdoption>().AddSingleton<CertificatesInUse>();
        services.TryAddSingleton(new RotationOptions());
        services.AddSingleton<PrepareAuthority>().AddSingleton<PublishAuthority>().AddSingleton<ActivateAuthority>();
        services.AddSingleton<RetireAuthority>().AddSingleton<TaintAuthority>().AddSingleton<RemoveAuthority>();
        services.AddSingleton<FindAuthorities>().AddSingleton<DrillRotation>().AddSingleton<DeviceSightings>();
        services.AddEnrolment();
        services.AddRenewal();
        services.AddSingleton<Status.InstallCrl>().AddSingleton<IssueServerCertificate>().AddSingleton<CrossSigning>();
        services.AddSingleton<CreateService>().AddSingleton<IssueServiceCertificate>().AddSingleton<RevokeService>();
        services.AddSingleton<FindServices>().AddSingleton<AdmitService>();
        services.TryAddSingleton(new CommandOptions());
        services.AddSingleton<SendCommand>().AddSingleton<AnswerCommand>().AddSingleton<CancelCommand>().AddSingleton<FindCommands>().AddSingleton<CommandBook>();
        services.AddTwins();
        services.AddRules();
        services.AddFormats(formats ?? new FormatOptions());
        services.AddSingleton<CreateFirstKey>().AddSingleton<CreateKey>().AddSingleton<RevokeKey>().AddSingleton<SignIn>();
        return services;
    }
}
