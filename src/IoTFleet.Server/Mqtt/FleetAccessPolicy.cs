using System.Globalization;
using IoTFleet.Broker.Connections;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Services;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Pki.Transparency;
using IoTFleet.Server.Security;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// The broker's questions, answered from the fleet's state. The handshake has proved that the certificate is ours and for clients, and says whether it is in time;
/// here it is decided whose it is, whether that device or service may be here today, and which topics are its own.
/// </summary>
internal sealed class FleetAccessPolicy(
    AdmitDevice admitDevice, AdmitService admitService, RevokedSet revoked, AuthorityDirectory authorities, DeviceSightings sightings, ServerOptions options, RevocationFreshness freshness,
    TimeProvider clock) : IAccessPolicy
{
    public async ValueTask<Admission> AdmitAsync(ClientIdentity identity, ConnectPacket connect, CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);       // the database blocks, and this may be the thread that polls the sockets
        if (freshness.FindRefusal() is { } notNow) return notNow;
        if (identity.Proof is not PeerVerdict { Kind: not PeerKind.None } peer) return Refuse(ReasonCode.NotAuthorized, "no-certificate", "The connection has no client certificate.");
        if (peer.Refusal is { } refusal) return Refuse(ReasonCode.NotAuthorized, refusal.Code, refusal.Detail);
        if (peer.Kind is not (PeerKind.Device or PeerKind.Service)) return Refuse(ReasonCode.NotAuthorized, "issuer-purpose", "The certificate is good for enrolment and nothing else.");
        if (peer.Identity is not { } name) return Refuse(ReasonCode.NotAuthorized, peer.IdentityProblem!, $"Certificate {peer.Serial} does not carry one identity of this fleet as its SAN URI.");
        if (peer.Kind == PeerKind.Service) return await AdmitServiceAsync(new AdmitServiceRequest(name, peer.Serial, LeafOf(identity)), connect, cancellationToken);

        var admission = await AdmitDeviceAsync(new AdmitDeviceRequest(name, peer.Serial, LeafOf(identity), peer.IssuerId), connect, cancellationToken);
        if (admission is Admission.Accepted) sightings.Saw(name, BundleOf(connect));
        return admission;
    }

    /// <summary>The trust bundle that the device says it holds; null when it says nothing readable, as over MQTT 3.1.1.</summary>
    private static long? BundleOf(ConnectPacket connect)
    {
        var said = connect.Properties.UserProperties.FirstOrDefault(property => property.Name == "trust-bundle").Value;
        return long.TryParse(said, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : null;
    }

    public bool StillAdmitted(Principal principal)
    {
        // The session was registered before, and a sweep looks at sessions after it changed the set: neither may see the other's old state.
        Interlocked.MemoryBarrier();
        return !IsBlocked(principal);
    }

    /// <summary>True for whom the revoked set shuts out, by whatever of its facts, or whose authority is believed no more.</summary>
    internal bool IsBlocked(Principal principal) => principal switch
    {
        DevicePrincipal device => IsBlocked(device.Facts),
        ServicePrincipal service => revoked.IsServiceBlocked(service.Name) || IsBlocked(service.Facts),
        _ => true,
    };

    internal bool IsRemoved(string authorityId) => authorities.Current.Find(authorityId) is { State: AuthorityState.Removed };

    private bool IsBlocked(in CertificateFacts facts) => revoked.IsBlocked(facts) || IsRemoved(facts.IssuerId);

    public bool MayPublish(Principal principal, TopicName topic) => !TwinTopics.IsServers(topic.Value) && principal switch
    {
        DevicePrincipal device => device.Owns(topic.Value),
        ServicePrincipal service => service.Rules.MayPublish(topic),
        _ => false,
    };

    public bool MaySubscribe(Principal principal, TopicFilter filter) => principal switch
    {
        DevicePrincipal device => device.Owns(filter.Path),
        ServicePrincipal service => service.Rules.MaySubscribe(filter),
        _ => false,
    };

    private async Task<Admission> AdmitDeviceAsync(AdmitDeviceRequest request, ConnectPacket connect, CancellationToken cancellationToken)
    {
        var (deviceId, serial) = (request.DeviceId, request.CertificateSerial);
        if (connect.ClientId != deviceId)
        {
            return Refuse(ReasonCode.ClientIdentifierNotValid, "client-id-mismatch", $"Client id '{connect.ClientId}' is not the certificate's device {deviceId}; use the device id as client id.");
        }

        return await admitDevice.RunAsync(request, cancellationToken) switch
        {
            AdmitDeviceResult.Admitted admitted => new Admission.Accepted(new DevicePrincipal(admitted.Facts)),
            AdmitDeviceResult.Refused refused => DevicePrincipal.Refused(refused.Reason, deviceId, request.CertificateSerial),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };
    }

    private async Task<Admission> AdmitServiceAsync(AdmitServiceRequest request, ConnectPacket connect, CancellationToken cancellationToken) =>
        await admitService.RunAsync(request, cancellationToken) switch
        {
            AdmitServiceResult.Admitted admitted => new Admission.Accepted(new ServicePrincipal(request.Name, ClientIdOf(connect), admitted.Rules, admitted.Facts)),
            AdmitServiceResult.Refused refused => ServicePrincipal.Refused(refused.Reason, request.Name, request.CertificateSerial),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };

    private byte[]? LeafOf(ClientIdentity identity) => options.OnlyLoggedCertificates ? MerkleHash.OfLeaf(identity.Certificate!.RawDataMemory.Span) : null;

    /// <summary>The service's own choice, or one that nobody has had before.</summary>
    private string ClientIdOf(ConnectPacket connect) => connect.ClientId.Length > 0 ? connect.ClientId : $"auto-{Guid.CreateVersion7(clock.GetUtcNow()):N}";

    private static Admission.Refused Refuse(ReasonCode code, string reason, string detail) => new(code, reason, detail);
}
