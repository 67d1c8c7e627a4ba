using static IoTFleet.Fleet.Refusals.RefusedAt;

namespace IoTFleet.Fleet.Refusals;

// The limits of enrolment groups and of the doors before them.
public static partial class ReasonCodes
{
    private static IEnumerable<Reason> EnrolmentGroups =>
    [
        Told("credential-missing", Enrolling, "The request came without a credential.", "Show an enrolment token, a claim certificate or a device identity."),
        Told("credential-of-another-group", Enrolling, "The credential is for another enrolment group than the one addressed.", "Use the address of the credential's own group, or the one without a label."),
        Told("device-id-missing", Enrolling, "Nothing says who the device is.", "Name it as the user of HTTP Basic or as the request's common name."),
        Told("group-unknown", Enrolling, "There is no such enrolment group.", "Check the label of the address; see `iotfleet group list`."),
        Told("group-closed", Enrolling, "The enrolment group is closed.", "Open it with `iotfleet group open`, or use another."),
        Told("group-not-open", Enrolling, "It is outside the enrolment group's window of time.", "Move the window with `iotfleet group set`."),
        Told("group-way-closed", Enrolling, "The enrolment group does not take this kind of credential.", "Open the way with `iotfleet group set --way`."),
        Told("group-full", Enrolling, "The enrolment group has enrolled as many devices as it may.", "Raise `--max-devices` if they are all yours."),
        Told("group-rate", Enrolling, "The enrolment group has enrolled as many devices as it may in this hour.", "The device comes again after Retry-After; raise `--max-per-hour` if the rush is yours."),
        Told("group-id-pattern", Enrolling, "The device's id is not of the enrolment group's pattern.", "Check the id; see `iotfleet group get`."),
        Told("serial-missing", Enrolling, "The enrolment group takes listed hardware serials only, and the request names none.", "Put the serialNumber into the request's subject."),
        Told("serial-not-listed", Enrolling, "The hardware serial is not on the enrolment group's list.", "Import it, if it is yours."),
        Told("serial-of-another-device", Enrolling, "The hardware serial is another device's.", "Look for a copied identity, or for two serials that make one id; list the serial with its device id."),
        Told("rsa-not-allowed", Enrolling | Renewing, "The enrolment group does not accept RSA keys.", "Make an ECDSA P-256 key."),
        Told("channel-binding-required", Enrolling, "The enrolment group demands requests linked to their TLS session.", "Connect with TLS 1.2 and put tls-unique into the challenge password (RFC 7030 3.5)."),
        Told("channel-binding-wrong", Enrolling | Renewing, "The challenge password is neither a token nor this TLS session's tls-unique.", "Make the request for this session; if it was, look for who replays requests."),
        Told("channel-binding-tls13", Enrolling | Renewing, "The request is linked to a session, which TLS 1.3 cannot prove.", "Connect with TLS 1.2, or leave the challenge password out."),
        Told("server-keys-off", Enrolling, "The enrolment group does not let the server make keys.", "Make the key on the device, or allow it with `--server-keys`."),
        Told("server-key-protection", Enrolling, "The device asks for its key encrypted in a way that is not offered.", "Leave the protection to TLS."),
        Told("approval-waiting", Enrolling, "The request waits for an operator.", "Compare its key with what the device shows, then `iotfleet approve` it; the device asks again by itself."),
        Told("approval-rejected", Enrolling, "An operator rejected this request.", "Make a new key to ask anew."),
        Told("approval-queue-full", Enrolling, "As many requests wait for approval as may.", "Decide on some, or raise `--max-pending`; a flood has its origin beside each request."),
        Told("device-not-registered", Enrolling, "The enrolment group takes only devices that were imported or registered before.", "Import it, if it is yours."),
        Told("device-of-another-group", Enrolling, "The device belongs to another enrolment group.", "A token bound to its id moves it."),
        Told("certificate-not-live", Enrolling, "The certificate shown is revoked, replaced or not this device's.", "Use the newest, or enrol by a token."),
        Told("claim-unknown", Enrolling, "The claim certificate is not one on record.", "If our key signed it, look into it: a certificate without a record should not exist."),
        Told("claim-suspended", Enrolling, "The claim certificate's batch is suspended.", "Resume it (`iotfleet batch resume`) when it is safe; the device's next try is taken."),
        Told("claim-revoked", Enrolling, "The claim certificate or its batch was revoked.", "Put a claim certificate of another batch into the device."),
        Told("batch-not-open", Enrolling, "It is outside the claim batch's window of time.", "Make another batch."),
        Told("batch-used-up", Enrolling, "The claim batch has enrolled as many devices as it may.", "Make another batch; if not all of its devices are yours, revoke it."),
        Told("manufacturer-unknown", Enrolling, "The device identity's manufacturer is not registered.", "Register it with `iotfleet manufacturer register`."),
    ];

    private static IEnumerable<Reason> EnrolmentLimits =>
    [
        Told("too-many-requests", Enrolling | Renewing, "One address asks for certificates too often.", "Devices come again after Retry-After; see `Enrolment:RequestsPerMinute`."),
        Told("too-many-by-claim", Enrolling, "One claim certificate is used too often.", "See `Enrolment:RequestsPerMinuteByClaim`; if the rush is not yours, revoke its batch."),
        Told("too-many-wrong-tokens", Enrolling, "One address has sent too many unknown tokens.", "Find out who guesses; a good token from there works again within a minute."),
        Told("authority-busy", Enrolling | Renewing, "As many requests for certificates are under way as may.", "Devices come again after Retry-After; see `Enrolment:MaxConcurrent`."),
        Untold("not-ready", Enrolling, "An operator asked for the next state of an authority before the fleet was ready for it.", "See `iotfleet ca drill`."),
        Untold("proof-wrong", Enrolling, "What was handed in does not prove that its sender holds the manufacturer's key.", "Let the authority's key sign a certificate whose only common name is the challenge."),
    ];
}
