using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;
using static IoTFleet.Fleet.Enrolment.EnrolRefusalKind;

namespace IoTFleet.Fleet.Enrolment;

/// <summary>Every reason an enrolment is refused for. The codes are part of the product's interface.</summary>
public static class EnrolRefusal
{
    public const string RequestNotAcceptable = "request-not-acceptable";

    public static Refused TokenUnknown { get; } =
        new(Unauthorized, "token-unknown", "No such enrolment token; check it, or ask the operator for a new one.");

    public static Refused TokenRevoked { get; } =
        new(Forbidden, "token-revoked", "The enrolment token was revoked; ask the operator for a new one.");

    public static Refused TokenExpired { get; } =
        new(Forbidden, "token-expired", "The enrolment token has expired; ask the operator for a new one.");

    public static Refused TokenUsedUp { get; } =
        new(Forbidden, "token-used-up", "The enrolment token has no uses left; ask the operator for a new one.");

    public static Refused TokenOfAnotherDevice { get; } =
        new(Forbidden, "token-of-another-device", "The enrolment token is bound to another device id.");

    public static Refused ClaimUnknown { get; } =
        new(Forbidden, "claim-unknown", "The claim certificate is not one that was issued for a batch.");

    public static Refused ClaimSuspended { get; } =
        new(Forbidden, "claim-suspended", "The claim certificate's batch is suspended; ask again once an operator has resumed it.");

    public static Refused ClaimRevoked { get; } =
        new(Forbidden, "claim-revoked", "The claim certificate or its batch was revoked.");

    public static Refused BatchNotOpen { get; } =
        new(Forbidden, "batch-not-open", "The claim certificate's batch enrols at another time; its window has not opened or is over.");

    public static Refused BatchUsedUp { get; } =
        new(Forbidden, "batch-used-up", "The claim certificate's batch has enrolled as many devices as it may.");

    public static Refused ManufacturerUnknown { get; } =
        new(Forbidden, "manufacturer-unknown", "The device identity's manufacturer is not registered here.");

    public static Refused CredentialMissing { get; } =
        new(Unauthorized, "credential-missing", "Show an enrolment token, a claim certificate or a device identity.");

    public static Refused CredentialOfAnotherGroup { get; } =
        new(Forbidden, "credential-of-another-group", "The credential is for another enrolment group than the one addressed.");

    public static Refused DeviceIdMissing { get; } =
        new(BadRequest, "device-id-missing", "Say who the device is: as the user of HTTP Basic or as the request's common name.");

    public static Refused GroupUnknown { get; } =
        new(NotFound, "group-unknown", "There is no such enrolment group.");

    public static Refused GroupClosed { get; } =
        new(Forbidden, "group-closed", "The enrolment group is closed.");

    public static Refused GroupNotOpen { get; } =
        new(Forbidden, "group-not-open", "The enrolment group enrols at another time; its window has not opened or is over.");

    public static Refused GroupWayClosed { get; } =
        new(Forbidden, "group-way-closed", "The enrolment group does not take this kind of credential.");

    public static Refused GroupFull { get; } =
        new(Forbidden, "group-full", "The enrolment group has enrolled as many devices as it may.");

    public static Refused GroupRate { get; } =
        new(TryLater, "group-rate", "The enrolment group has enrolled as many devices as it may in this hour; try again later.");

    public static Refused GroupIdPattern { get; } =
        new(Forbidden, "group-id-pattern", "The device's id is not of the enrolment group's pattern.");

    public static Refused SerialMissing { get; } =
        new(Forbidden, "serial-missing", "The enrolment group takes listed hardware serial numbers only; put the device's own into the request's subject.");

    public static Refused SerialNotListed { get; } =
        new(Forbidden, "serial-not-listed", "The hardware serial number is not on the enrolment group's list.");

    public static Refused SerialOfAnotherDevice { get; } =
        new(Conflict, "serial-of-another-device", "The hardware serial number is another device's.");

    public static Refused RsaNotAllowed { get; } =
        new(BadRequest, "rsa-not-allowed", "The enrolment group does not accept RSA keys; make an ECDSA P-256 key.");

    public static Refused ChannelBindingRequired { get; } =
        new(BadRequest, "channel-binding-required", "The enrolment group demands requests linked to their TLS session (RFC 7030 3.5), which takes TLS 1.2.");

    public static Refused ServerKeysOff { get; } =
        new(Forbidden, "server-keys-off", "The enrolment group does not let the server make keys; make one on the device.");

    public static Refused ApprovalRejected { get; } =
        new(Forbidden, "approval-rejected", "An operator rejected this request.");

    public static Refused ApprovalQueueFull { get; } =
        new(TryLater, "approval-queue-full", "As many requests wait for approval as may; try again later.");

    public static Refused DeviceNotRegistered { get; } =
        new(Forbidden, "device-not-registered", "The enrolment group takes devices only that were imported or registered before.");

    public static Refused DeviceOfAnotherGroup { get; } =
        new(Conflict, "device-of-another-group", "The device belongs to another enrolment group; a token bound to its id may move it.");

    public static Refused DeviceSuspended { get; } =
        new(Forbidden, "device-suspended", "The device is suspended; ask the operator to resume it.");

    public static Refused DeviceRevoked { get; } =
        new(Forbidden, "device-revoked", "The device was revoked and cannot enrol again.");

    public static Refused AlreadyEnrolled { get; } =
        new(Conflict, "device-already-enrolled", "The device holds a live certificate; enrolling it anew takes a token bound to its id.");

    public static Refused CertificateNotLive { get; } =
        new(Forbidden, "certificate-not-live", "The certificate shown is revoked, replaced or not this device's.");

    public static Refused KeyOfAnotherDevice { get; } =
        new(Conflict, "key-of-another-device", "The key is another device's; make a new key on each device.");

    public static Refused KeyForbidden { get; } =
        new(Forbidden, "key-forbidden", "The key is known to be compromised or is an authority's own; make a new one.");
}
