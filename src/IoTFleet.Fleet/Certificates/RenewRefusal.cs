using static IoTFleet.Fleet.Certificates.RenewCertificateResult;
using static IoTFleet.Fleet.Enrolment.EnrolRefusalKind;

namespace IoTFleet.Fleet.Certificates;

/// <summary>Every reason a renewal is refused for, apart from what is wrong with the signing request itself.</summary>
internal static class RenewRefusal
{
    public static Refused CertificateUnknown { get; } =
        new(Forbidden, "certificate-unknown", "The certificate was not issued to this device by this server; enrol anew.");

    public static Refused CertificateRevoked { get; } =
        new(Forbidden, "certificate-revoked", "The certificate was revoked; enrol anew.");

    public static Refused CertificateSuspended { get; } =
        new(Forbidden, "certificate-suspended", "The certificate is suspended; ask the operator to resume it.");

    public static Refused CertificateSuperseded { get; } =
        new(Forbidden, "certificate-superseded", "A newer certificate has taken this one's place; renew with that one.");

    public static Refused LineageFork { get; } =
        new(Forbidden, "lineage-fork", "The certificate was used after its successor had been: two hold this device's key. It is suspended until an operator has looked into it.");

    public static Refused CloneHold { get; } =
        new(Forbidden, "clone-hold", "Two connections of this device kept throwing each other out. It is suspended until an operator has looked into it.");

    public static Refused DeviceSuspended { get; } =
        new(Forbidden, "device-suspended", "The device is suspended; ask the operator to resume it.");

    public static Refused DeviceRevoked { get; } =
        new(Forbidden, "device-revoked", "The device was revoked, which is for good.");

    public static Refused NotYetValid { get; } =
        new(Forbidden, "not-yet-valid", "The certificate's life has not begun; check the clocks.");

    public static Refused Expired { get; } =
        new(Forbidden, "expired", "The certificate's life is over, and its group grants no days of grace; enrol anew.");

    public static Refused GraceOver { get; } =
        new(Forbidden, "grace-over", "The certificate ended longer ago than its group's days of grace; enrol anew.");

    public static Refused AuthorityRemoved { get; } =
        new(Forbidden, "authority-removed", "The authority that issued the certificate is trusted no more; enrol anew.");

    public static Refused KeyOfAnotherDevice { get; } =
        new(Conflict, "key-of-another-device", "The key is another device's; make a new key on each device.");

    /// <summary>A renewal is no way round the group's rule.</summary>
    public static Refused RsaNotAllowed { get; } =
        new(BadRequest, "rsa-not-allowed", "The device's enrolment group does not accept RSA keys; make an ECDSA P-256 key.");

    public static Refused KeyUsedTooOften { get; } =
        new(BadRequest, "key-used-too-often", "The group wants a new key; make one and ask again.");

    public static Refused KeyForbidden { get; } =
        new(Forbidden, "key-forbidden", "The key is known to be compromised or is an authority's own; make a new one.");

    public static Refused NameMismatch(string problem) => new(BadRequest, "name-mismatch", problem);

    public static Refused RequestNotAcceptable(string problem) => new(BadRequest, "request-not-acceptable", problem);

    public static Refused Busy(TimeSpan wait) => new(TryLater, "renewal-busy", $"More renewals are under way than are taken at once; ask again in {wait.TotalSeconds:0} s.") { RetryAfter = wait };
}
