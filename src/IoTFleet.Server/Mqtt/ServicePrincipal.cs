using IoTFleet.Broker.Connections;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Services;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>A service that was let in, with the rules it had then. Its sessions are told apart by the client ids it chooses.</summary>
internal sealed class ServicePrincipal(string name, string clientId, TopicRules rules, CertificateFacts facts) : Principal(SessionsOf(name) + clientId)
{
    private readonly CertificateFacts _facts = facts;

    public ref readonly CertificateFacts Facts => ref _facts;

    public string Name { get; } = name;

    public TopicRules Rules { get; } = rules;

    public override string AssignedClientId => clientId;

    /// <summary>One backend speaks to many devices, and an administrator let it in.</summary>
    public override int RateShare => 100;

    /// <summary>
    /// What the broker knows all sessions of this service by. Neither a device's id nor a service's name holds a ':' or a '/',
    /// so that no client id reaches a session of somebody else.
    /// </summary>
    public static string SessionsOf(string name) => $"service:{name}/";

    public static Admission.Refused Refused(ServiceRefusalReason reason, string name, string serial) => reason switch
    {
        ServiceRefusalReason.UnknownService => new(ReasonCode.NotAuthorized, "service-unknown", $"There is no service {name}; create it."),
        ServiceRefusalReason.ServiceRevoked => new(ReasonCode.Banned, "service-revoked", $"Service {name} was revoked."),
        ServiceRefusalReason.CertificateUnknown => new(ReasonCode.NotAuthorized, "certificate-unknown", $"Certificate {serial} was not issued to service {name} by this server."),
        ServiceRefusalReason.NotInLog => new(ReasonCode.NotAuthorized, "not-in-log", $"Certificate {serial} of service {name} is not in the log of issued certificates."),
        ServiceRefusalReason.CertificateRevoked => new(ReasonCode.Banned, "certificate-revoked", $"Certificate {serial} of service {name} was revoked."),
        ServiceRefusalReason.CertificateNotYetValid => new(ReasonCode.NotAuthorized, "not-yet-valid", $"Certificate {serial} of service {name} is not valid yet; check the clocks."),
        ServiceRefusalReason.CertificateExpired => new(ReasonCode.NotAuthorized, "expired", $"Certificate {serial} of service {name} has expired; issue a new one."),
        _ => throw new InvalidOperationException($"No explanation for {reason}."),
    };
}
