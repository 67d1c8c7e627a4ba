using IoTFleet.Broker.Connections;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>A device that was let in, by the certificate with these facts.</summary>
internal sealed class DevicePrincipal(CertificateFacts facts) : Principal(facts.DeviceId)
{
    private readonly CertificateFacts _facts = facts;
    private readonly string _own = $"devices/{facts.DeviceId}/";

    public ref readonly CertificateFacts Facts => ref _facts;

    public string Serial => _facts.Serial;

    public override string ResponseInformation => _own;

    /// <summary>True for what lies below <c>devices/{id}/</c>. For a filter, too: a wildcard cannot stand in these two levels.</summary>
    public bool Owns(string topicOrFilter) => topicOrFilter.Length > _own.Length && topicOrFilter.StartsWith(_own, StringComparison.Ordinal);

    public static Admission.Refused Refused(RefusalReason reason, string deviceId, string serial) => reason switch
    {
        RefusalReason.UnknownDevice => new(ReasonCode.NotAuthorized, "device-unknown", $"There is no device {deviceId}; register or enrol it."),
        RefusalReason.DeviceNotEnrolled => new(ReasonCode.NotAuthorized, "device-not-enrolled", $"Device {deviceId} is registered but has not enrolled."),
        RefusalReason.DeviceSuspended => new(ReasonCode.Banned, "device-suspended", $"Device {deviceId} is suspended; resume it to let it in."),
        RefusalReason.DeviceRevoked => new(ReasonCode.Banned, "device-revoked", $"Device {deviceId} was revoked."),
        RefusalReason.CertificateUnknown => new(ReasonCode.NotAuthorized, "certificate-unknown", $"Certificate {serial} was not issued to device {deviceId} by this server."),
        RefusalReason.NotInLog => new(ReasonCode.NotAuthorized, "not-in-log", $"Certificate {serial} of device {deviceId} is not in the log of issued certificates."),
        RefusalReason.CertificateRevoked => new(ReasonCode.Banned, "certificate-revoked", $"Certificate {serial} of device {deviceId} was revoked; the device has to enrol anew."),
        RefusalReason.CertificateSuspended => new(ReasonCode.Banned, "certificate-suspended", $"Certificate {serial} of device {deviceId} is suspended; resume it to let it in."),
        RefusalReason.KeyRevoked => new(ReasonCode.Banned, "key-revoked", $"The key of device {deviceId} was revoked for good; the device has to enrol anew with a new key."),
        RefusalReason.BatchBlocked => new(ReasonCode.Banned, "batch-blocked", $"Device {deviceId} was enrolled through a claim batch that is revoked or suspended with its devices."),
        RefusalReason.AuthorityRevoked => new(ReasonCode.Banned, "authority-revoked", $"The authority that issued certificate {serial} was revoked; device {deviceId} has to enrol anew."),
        RefusalReason.CertificateNotYetValid => new(ReasonCode.NotAuthorized, "not-yet-valid", $"Certificate {serial} of device {deviceId} is not valid yet; check the clocks."),
        RefusalReason.CertificateExpired => new(ReasonCode.NotAuthorized, "expired", $"Certificate {serial} of device {deviceId} has expired; the device has to renew or enrol anew."),
        _ => throw new InvalidOperationException($"No explanation for {reason}."),
    };
}
