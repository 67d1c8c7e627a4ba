using static IoTFleet.Fleet.Refusals.RefusedAt;

namespace IoTFleet.Fleet.Refusals;

// Who gets a certificate: credentials, requests, renewals.
public static partial class ReasonCodes
{
    private static IEnumerable<Reason> Credentials =>
    [
        Told("token-unknown", Enrolling, "No such enrolment token.", "Check it, or make a new one."),
        Told("token-revoked", Enrolling, "The enrolment token was revoked.", "Make a new one."),
        Told("token-expired", Enrolling, "The enrolment token has expired.", "Make a new one."),
        Told("token-used-up", Enrolling, "The enrolment token has no uses left.", "Make a new one; if nobody should have used it, find out who did."),
        Told("token-of-another-device", Enrolling, "The enrolment token is bound to another device id.", "Make one for this device."),
        Told("device-already-enrolled", Enrolling, "The device holds a live certificate.", "Enrolling it anew takes a token bound to its id."),
    ];

    private static IEnumerable<Reason> Requests =>
    [
        Told("content-type", Enrolling | Renewing, "The body's media type is not the one expected.", "Send application/pkcs10 to EST, application/json to its twin."),
        Told("request-too-large", Enrolling | Renewing, "The body is larger than a signing request may be.", "Send the request alone."),
        Told("request-unreadable", Enrolling | Renewing, "The body is not base64 of a signing request.", "Send DER in base64 without PEM armour."),
        Told("request-not-acceptable", Enrolling | Renewing, "The signing request asks for what it may not, or its key or signature is not accepted.", "The answer says which; make a new request."),
        Told("request-signature", Enrolling | Renewing, "The signing request is not signed by the key it names.", "Sign the request with the private key whose public part is in it."),
        Told("request-algorithm", Enrolling | Renewing, "The signing request is signed with SHA-1, MD5, RSA-PSS or another algorithm that is not accepted.", "Sign it with ecdsa-with-SHA256 or, for an RSA key, with sha256WithRSAEncryption."),
        Told("request-names", Enrolling | Renewing, "The signing request's subject or alternative name has a shape that no device gets.", "Ask for one CN, a serialNumber and one URI at most, or for none of them."),
        Told("request-asks-too-much", Enrolling | Renewing, "The signing request asks for an extension that only authorities or servers have, or for an unknown critical one.", "Leave requested extensions out; the server decides them."),
        Told("request-attributes", Enrolling | Renewing, "The signing request holds an attribute or extension twice, or a challenge password that is too long.", "Make a request with each attribute once."),
        Told("key-type", Enrolling | Renewing, "The key's algorithm or curve is not accepted here, or its curve is not given by name.", "Make an ECDSA key on P-256 by name, with an uncompressed point."),
        Told("key-weak", Enrolling | Renewing, "The key is no sound key: a point off its curve, an RSA key of an odd size or exponent, or one that can be factored.", "Make a new key with a sound generator; look for other devices with the same chip or firmware."),
        Told("key-forbidden", Enrolling | Renewing, "Nothing is issued to this key again: revoked for compromise, known to the world, or an authority's own.", "Make a new key."),
        Told("key-of-another-device", Enrolling | Renewing, "The key is another device's.", "Make a new key on each device; look for a golden image or a clone."),
    ];

    private static IEnumerable<Reason> Renewals =>
    [
        Told("certificate-required", Connect | Renewing, "The request came without a client certificate, and is for holders of one.", "Connect with the device's own certificate."),
        Told("name-mismatch", Renewing, "The request names something else than the certificate it renews.", "Leave subject and names out of the request, or repeat the certificate's. RFC 7030 4.2.2"),
        Told("key-used-too-often", Renewing, "The group wants a new key by now.", "Make a new key and ask again."),
        Told("certificate-superseded", Connect | Renewing, "A newer certificate of the same line has taken its place.", "Use the newer one."),
        Told("certificate-suspended", Connect | Renewing, "An operator suspended the certificate.", "Resume it to let it in."),
        Told("grace-over", Renewing, "The certificate ended longer ago than its group's days of grace.", "Enrol anew."),
        Told("authority-removed", Connect | Renewing, "The authority that issued it is trusted no more.", "Enrol anew."),
        Told("lineage-fork", Connect | Renewing, "A certificate was used after its successor had been: two hold the key of one device. The device is suspended.", "Find out which of the two is the device; then resume it, or enrol it anew."),
        Told("clone-hold", Connect | Renewing, "Two connections of one identity kept throwing each other out, and the fleet's policy is to suspend.", "Find the clone, then resume the device."),
        Told("renewal-busy", Renewing, "More renewals are under way than the server takes at once.", "Ask again after the time in Retry-After."),
        Told("nonce-unknown", Renewing, "The nonce is not one that this server gave out lately.", "Get a new one and ask again."),
        Told("proof-invalid", Renewing, "The signature is not by the certificate's key over the nonce.", "Sign the nonce with the device's key."),
    ];
}
