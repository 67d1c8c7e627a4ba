using static IoTFleet.Fleet.Refusals.RefusedAt;

namespace IoTFleet.Fleet.Refusals;

// Who may come in: the doors, certificates, devices and services, CONNECT.
public static partial class ReasonCodes
{
    private static IEnumerable<Reason> Transport =>
    [
        Untold("not-tls", Handshake, "What came is not the beginning of a TLS handshake.", "Check that the client speaks TLS and uses the right port."),
        Untold("handshake-timeout", Handshake, "The handshake was not over in time.", "Check the network; see `Doors:HandshakeTimeout`."),
        Untold("handshake-failed", Handshake, "The TLS handshake was begun and did not come to its end.", "The client broke off or does not take our certificate, or it speaks no TLS that is spoken here: 1.2 and 1.3 with forward secrecy."),
        Untold("too-many-connections", Handshake, "The port is full.", "See `Doors:MaxConnections`; look for who holds them."),
        Untold("too-many-from-address", Handshake, "One address holds as many connections as it may.", "Raise `Doors:MaxConnectionsPerAddress` when many devices share an address."),
        Untold("too-many-handshakes", Handshake, "As many connections wait for the end of their handshake as may.", "Devices come back by themselves; see `Doors:MaxHandshakes` and `Doors:MaxWaitingHandshakes`."),
        Untold("too-many-handshakes-from-address", Handshake, "One address has as many unfinished handshakes as it may.", "Raise `Doors:MaxHandshakesPerAddress` when many devices share an address."),
        Told("websocket-expected", Connect, "The path speaks MQTT over WebSockets and nothing else.", "Connect with wss:// and the subprotocol mqtt."),
        Told("subprotocol-required", Connect, "The WebSocket does not ask for the subprotocol mqtt.", "Ask for it."),
        Told("origin-not-allowed", Connect, "A web page of another origin asked.", "Only pages of this server may use MQTT with a browser's certificate."),
    ];

    private static IEnumerable<Reason> Certificates =>
    [
        Untold("no-certificate", Handshake | Connect, "The peer showed no certificate where one is required.", "Give the client its certificate and key."),
        Untold("untrusted", Handshake, "The certificate does not lead to this fleet's root.", "It is another fleet's, self-made, or of a root that was removed."),
        Untold("wrong-issuer", Handshake, "Ours, but not from the authority that issues to such devices or services.", "Look into it: somebody shows a certificate where it does not belong."),
        Untold("wrong-purpose", Handshake, "Not meant for TLS clients, or not saying what it is meant for.", "Give the client a device's or service's certificate."),
        Untold("name-not-allowed", Handshake, "It names what its authority may not name.", "Look into it: the authority has signed what it may not."),
        Told("issuer-purpose", Handshake | Connect, "The certificate is good for enrolment only, and was shown elsewhere.", "Enrol the device with it; it connects with the certificate it gets then."),
        Told("authority-not-in-force", Handshake, "The authority that issued the certificate was removed, or is not active yet.", "Enrol the device anew; `iotfleet ca list` shows the authorities."),
        Untold("weak-key", Handshake, "The certificate's key can be broken.", "Have the maker use RSA of 2048 bits or more, or a curve of 256 bits or more."),
        Untold("identity-shape", Connect, "It does not carry exactly one name, as a URI.", "Issue it by the fleet's own authority."),
        Untold("identity-host", Connect, "Its name is not one of this fleet.", "It was issued for another fleet."),
        Untold("identity-grammar", Connect, "Its name is no device's or service's name.", "Names are 1 to 63 of `a-z 0-9 . _ -`."),
        Told("expired", Handshake | Connect | Renewing, "The certificate's life is over.", "Renew it in its group's days of grace, else enrol anew; check both clocks."),
        Told("not-yet-valid", Handshake | Connect | Renewing, "The certificate's life has not begun.", "Check both clocks."),
        Told("certificate-unknown", Connect | Renewing, "No record says that it was issued to this device or service.", "Enrol anew. If our key signed it, look into it: a certificate without a record should not exist."),
        Untold("not-in-log", Connect, "Our key has signed it, but it is not in the log of issued certificates.", "Somebody has the authority's key, or wrote to the database: see `iotfleet log verify`, then revoke the authority."),
        Told("certificate-revoked", Connect | Renewing, "The certificate was revoked.", "Enrol the device anew."),
    ];

    private static IEnumerable<Reason> Devices =>
    [
        Told("device-unknown", Connect, "There is no such device.", "Register or enrol it."),
        Told("device-not-enrolled", Connect, "The device is registered but has not enrolled.", "Enrol it."),
        Told("device-suspended", Connect | Enrolling | Renewing, "An operator suspended the device.", "Resume it to let it in: `iotfleet devices resume`. The device may ask again."),
        Told("device-revoked", Connect | Enrolling | Renewing, "The device was revoked, which is for good.", "Enrol it under another id."),
        Told("key-revoked", Connect | Enrolling | Renewing, "The key was revoked for good, with every certificate for it.", "Make a new key on the device and enrol it anew."),
        Told("batch-blocked", Connect | Enrolling | Renewing, "It came by a claim batch that is revoked or suspended together with its devices.", "Resume the batch's devices: `iotfleet batch resume --with-devices`. A revoked batch does not come back."),
        Told("authority-revoked", Connect | Renewing, "The authority that issued the certificate was revoked, with all it had issued.", "Enrol the device anew, by another generation of the authority."),
        Told("service-unknown", Connect, "There is no such service.", "Create it."),
        Told("service-revoked", Connect, "The service was revoked, which is for good.", "Create it under another name."),
    ];

    private static IEnumerable<Reason> Connecting =>
    [
        Told("client-id-mismatch", Connect, "The client id is not the certificate's device.", "Use the device id as client id."),
        Told("client-id-empty", Connect, "An empty client id where one is needed.", "Use the device id as client id; in MQTT 3.1.1 an empty one needs a clean session."),
        Told("authentication-method", Connect, "Extended authentication is not offered.", "The certificate is the identity; leave the method out."),
        Told("connect-timeout", Connect, "No CONNECT came in time.", "See `Broker:ConnectTimeout`; a client that opens connections and says nothing is broken or hostile."),
        Told("admission-timeout", Connect, "The server could not decide in time.", "It may try again; look at the database's load."),
        Told("admission-failed", Connect, "The server could not decide.", "It may try again; the log says why."),
        Told("revoked-while-connecting", Connect, "It was revoked or suspended at that moment.", "As for device-revoked and device-suspended."),
        Told("revocations-stale", Connect, "The server could not read for 30 s who was revoked, and lets nobody in until it can.", "Check the database; see `IoTFleet:StaleRevocations`. The device may ask again."),
        Told("revocations-rolled-back", Connect, "The database is an older copy of itself: devices revoked since would be welcome.", "Restore a newer copy; see docs/pki.md. The device may ask again."),
        Told("session-not-stored", Connect, "The session could not be stored.", "It may try again; the log says why."),
        Told("client-takes-too-little", Connect, "The client's Maximum Packet Size is below that of our CONNACK.", "Raise it in the client."),
        Told("will-not-authorized", Connect, "The will's topic is not this client's to publish.", "Use a topic below `devices/<id>/`, or give the service the right."),
    ];
}
