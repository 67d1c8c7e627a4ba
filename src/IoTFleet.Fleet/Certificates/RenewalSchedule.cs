using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Certificates;

/// <summary>When each certificate is to be renewed: in its time, or sooner because its authority is tainted or an operator asks for it.</summary>
public sealed class RenewalSchedule(AuthorityDirectory authorities, IssuancePolicy policy, RenewalOptions options, TimeProvider clock)
{
    public RenewalWindow For(IssuedCertificate certificate, DateTimeOffset? renewRequestedAt)
    {
        var now = clock.GetUtcNow();
        var life = CertificateLife.Of(certificate.NotBefore, certificate.NotAfter, policy.DeviceBackdate);
        return Asked(certificate, life, renewRequestedAt) is { } asked
            ? RenewalWindow.Urgent(certificate.DeviceId, life, asked, options, now)
            : RenewalWindow.Regular(certificate.DeviceId, life, options, now);
    }

    /// <summary>The earlier of the two; a request that was made before the certificate was has been met by it.</summary>
    private DateTimeOffset? Asked(IssuedCertificate certificate, CertificateLife life, DateTimeOffset? renewRequestedAt)
    {
        var requested = renewRequestedAt > life.IssuedAt ? renewRequestedAt : null;
        var issuer = authorities.Current.Find(certificate.IssuerId);
        if (issuer is not { State: AuthorityState.Tainted }) return requested;
        return requested is null || issuer.StateChangedAt < requested ? issuer.StateChangedAt : requested;
    }
}
