using IoTFleet.Broker.Connections;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Pki;

namespace IoTFleet.Server.Mqtt;

/// <summary>A device that was let in, by the certificate with this serial number.</summary>
internal sealed class DevicePrincipal(string deviceId, string serial) : Principal(deviceId)
{
    private readonly string _own = $"devices/{deviceId}/";

    public string Serial { get; } = serial;

    public override string ResponseInformation => _own;

    /// <summary>True for what lies below <c>devices/{id}/</c>. For a filter, too: a wildcard cannot stand in these two levels.</summary>
    public bool Owns(string topicOrFilter) => topicOrFilter.Length > _own.Length && topicOrFilter.StartsWith(_own, StringComparison.Ordinal);
}

/// <summary>
/// The broker's questions, answered from the fleet's state. The handshake has proved that the certificate is ours, in time and for clients;
/// here it is decided whose it is, and whether that device may be here today.
/// </summary>
internal sealed class FleetAccessPolicy(FleetNames names, AdmitDevice admitDevice, RevokedSet revoked) : IAccessPolicy
{
    public async ValueTask<Admission> AdmitAsync(ClientIdentity identity, ConnectPacket connect, CancellationToken cancellationToken)
    {
        if (identity.Certificate is not { } certificate) return Refuse(ReasonCode.NotAuthorized, "no-certificate", "The connection has no client certificate.");
        if (!CertificateIdentity.TryRead(certificate, names, out var who, out var problem))
        {
            return Refuse(ReasonCode.NotAuthorized, problem, $"Certificate {certificate.SerialNumber} does not carry one identity of this fleet as its SAN URI.");
        }

        if (who.Kind != IdentityKind.Device)
        {
            return Refuse(ReasonCode.NotAuthorized, "identity-kind", $"Certificate {certificate.SerialNumber} belongs to the service {who.Name}; only devices connect here.");
        }

        if (connect.ClientId != who.Name)
        {
            return Refuse(ReasonCode.ClientIdentifierNotValid, "client-id-mismatch", $"Client id '{connect.ClientId}' is not the certificate's device {who.Name}; use the device id as client id.");
        }

        return await AdmitDeviceAsync(who.Name, SerialNumber.Of(certificate).Hex, cancellationToken);
    }

    public bool StillAdmitted(Principal principal) =>
        principal is DevicePrincipal device && !revoked.IsBlocked(device.ClientId, device.Serial);

    public bool MayPublish(Principal principal, TopicName topic) => ((DevicePrincipal)principal).Owns(topic.Value);

    public bool MaySubscribe(Principal principal, TopicFilter filter) => ((DevicePrincipal)principal).Owns(filter.Path);

    private async Task<Admission> AdmitDeviceAsync(string deviceId, string serial, CancellationToken cancellationToken) =>
        await admitDevice.RunAsync(new AdmitDeviceRequest(deviceId, serial), cancellationToken) switch
        {
            AdmitDeviceResult.Admitted => new Admission.Accepted(new DevicePrincipal(deviceId, serial)),
            AdmitDeviceResult.Refused refused => Explain(refused.Reason, deviceId, serial),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };

    private static Admission.Refused Explain(RefusalReason reason, string deviceId, string serial) => reason switch
    {
        RefusalReason.UnknownDevice => Refuse(ReasonCode.NotAuthorized, "device-unknown", $"There is no device {deviceId}; register or enrol it."),
        RefusalReason.DeviceNotEnrolled => Refuse(ReasonCode.NotAuthorized, "device-not-enrolled", $"Device {deviceId} is registered but has not enrolled."),
        RefusalReason.DeviceSuspended => Refuse(ReasonCode.Banned, "device-suspended", $"Device {deviceId} is suspended; resume it to let it in."),
        RefusalReason.DeviceRevoked => Refuse(ReasonCode.Banned, "device-revoked", $"Device {deviceId} was revoked."),
        RefusalReason.CertificateUnknown => Refuse(ReasonCode.NotAuthorized, "certificate-unknown", $"Certificate {serial} was not issued to device {deviceId} by this server."),
        RefusalReason.CertificateRevoked => Refuse(ReasonCode.Banned, "certificate-revoked", $"Certificate {serial} of device {deviceId} was revoked; the device has to enrol anew."),
        RefusalReason.CertificateNotYetValid => Refuse(ReasonCode.NotAuthorized, "not-yet-valid", $"Certificate {serial} of device {deviceId} is not valid yet; check the clocks."),
        RefusalReason.CertificateExpired => Refuse(ReasonCode.NotAuthorized, "expired", $"Certificate {serial} of device {deviceId} has expired; the device has to renew or enrol anew."),
        _ => throw new InvalidOperationException($"No explanation for {reason}."),
    };

    private static Admission.Refused Refuse(ReasonCode code, string reason, string detail) => new(code, reason, detail);
}
