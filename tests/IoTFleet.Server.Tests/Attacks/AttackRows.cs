namespace IoTFleet.Server.Tests.Attacks;

/// <summary>One attack on the fleet's identities, and what must come of it.</summary>
/// <param name="Codes">The reasons that it is refused for; none where nothing is to be refused.</param>
internal sealed record AttackRow(int Number, string Attack, string Answer, params string[] Codes);

/// <summary>The list that the tests here are named by, and docs/attacks.md is made from.</summary>
internal static class AttackRows
{
    public static readonly IReadOnlyList<AttackRow> All =
    [
        new(1, "A certificate for servers, for anything, for OCSP, or for no purpose at all", "The handshake fails. .NET's chain takes a certificate without a purpose; we do not.", "wrong-purpose"),
        new(2, "A certificate of a sibling authority, the root's own, the server's own, another fleet's", "The handshake fails: the issuer is compared as a whole, and must be the authority for what the name says.", "wrong-issuer", "untrusted"),
        new(3, "A foreign authority with our authority's name, with and without our key identifier", "The handshake fails: a name is no proof.", "untrusted"),
        new(4, "A certificate that signed itself, with a device's name", "The handshake fails, in TLS 1.2 and 1.3.", "untrusted"),
        new(5, "A device's certificate used as an authority; an authority below the one for devices", "The handshake fails, whether the peer sends the chain along or not.", "untrusted", "wrong-issuer"),
        new(6, "Expired by a second, not yet valid by a second, valid beyond 2049", "CONNECT is answered with the reason and nothing else is read; over HTTPS only renewal and status are open.", "expired", "not-yet-valid"),
        new(7, "Revoked before it connects, while it is connected, and again with a TLS session of before", "CONNECT is refused, the live session is closed, a resumed TLS session changes nothing.", "device-revoked"),
        new(8, "Another client id than the certificate's", "CONNECT is refused before a session is looked for: the victim stays connected.", "client-id-mismatch"),
        new(9, "Common names, two URIs, DNS names, addresses and other names in place of the one URI", "Nobody's identity but the one URI's; anything else beside it is refused.", "identity-shape", "name-not-allowed", "client-id-mismatch", "not-in-log"),
        new(10, "NUL, control, percent-encoded, upper-case and look-alike letters, dots, paths, 10,000 letters", "Refused by the grammar; no name is made valid by normalising it.", "identity-grammar", "identity-host", "identity-shape", "name-not-allowed"),
        new(11, "Hundreds of certificates sent along, decoys of our authority's name, authorities that sign each other", "They help nobody; above 100 KB OpenSSL ends the handshake.", "untrusted", "not-in-log", "handshake-failed"),
        new(12, "Addresses to fetch from in a client's certificate (issuer, OCSP, CRL, delta CRL)", "None is visited, on MQTT or HTTPS, in TLS 1.2 or 1.3, whoever signed: a trap listens.", "not-in-log", "untrusted"),
        new(13, "Connections by the hundred that are dropped, or that stand in the handshake", "The newest are turned away before TLS; who is connected stays served, and others come in when they have gone.", "too-many-handshakes-from-address"),
        new(14, "Silence before, in and after the handshake", "Cut by deadline; others are served meanwhile.", "handshake-timeout", "connect-timeout"),
        new(15, "Renegotiation in TLS 1.2, a storm of key updates in TLS 1.3", "Renegotiation ends the connection; key updates cost their sender more than us and disturb nobody.", "handshake-failed"),
        new(16, "TLS 1.0 and 1.1, suites without forward secrecy or authentication, an RSA key of 1,024 bits", "No handshake.", "handshake-failed", "weak-key"),
        new(17, "No certificate", "The handshake fails at the MQTT port.", "no-certificate"),
        new(18, "A captured signing request, posted with another credential for another device", "The key is the first device's; a group may demand that requests are bound to their TLS session.", "key-of-another-device", "channel-binding-wrong"),
        new(19, "A signing request for somebody else's key", "Its signature does not fit: 400.", "request-signature"),
        new(20, "A signing request for an authority, other names, other purposes, another device", "400 and audited; never copied, never dropped in silence.", "request-asks-too-much", "request-names", "request-not-acceptable"),
        new(21, "Guessing tokens", "Tokens have 256 random bits and are stored hashed; after five wrong ones in a minute an address is not looked at.", "token-unknown", "too-many-wrong-tokens"),
        new(22, "A hundred enrolments at once with a token for one", "One wins; its retry with the same key gets the same certificate.", "token-used-up"),
        new(23, "A stolen claim certificate", "It reaches enrolment and nothing else, up to its batch's quota and limits, until its batch is revoked, with the devices that came of it if wanted.", "issuer-purpose", "batch-used-up", "claim-revoked", "claim-unknown", "device-of-another-group"),
        new(24, "A claim certificate at the MQTT port", "The handshake fails.", "issuer-purpose"),
        new(25, "A clone: two connections of one identity that throw each other out", "Each takes over once; ping-pong is noticed, reported and, by policy, suspended.", "clone-hold"),
        new(26, "A stolen key used to renew before the device does", "The predecessor's use after its successor's is a fork: the device is suspended.", "lineage-fork"),
        new(27, "One key in several devices", "The second is refused, and the first is named to the operator.", "key-of-another-device"),
        new(28, "A device whose clock is years off", "Certificates are backdated, answers carry the date, the server goes by its own clock only. A device whose clock says less than it has proof of goes by that, and by what its server tells it once it is proved; one whose clock is years ahead trusts nobody and sends no secret."),
        new(29, "An old server certificate shown to a device without a clock", "By the device's clock, or by the latest time it has proof of (its firmware's build, its own certificate, its trust bundle), it is over, and refused before anything secret is sent. What was good after that time is believed."),
        new(30, "Stripped CRLs, or one shard's in place of another's", "The broker uses none; each list names its own address as a critical extension, and openssl refuses another's."),
        new(31, "OCSP requests about another issuer, of a megabyte, with a nonce of 10,000 bytes", "unauthorized or malformedRequest; nothing is read beyond its limit."),
        new(32, "An operator who would revoke everything by mistake", "A dry run counts first; the real run must repeat the count; a suspension can be undone."),
        new(33, "An insider who signs with the authority's key past the server", "A certificate that is not in the log does not connect, recorded or not; with that switched off, one without a record does not.", "not-in-log", "certificate-unknown"),
        new(34, "A database of yesterday, to undo a revocation", "The node remembers how far revocations had come and refuses to start below it."),
        new(35, "Damaged DER as signing request, certificate, OCSP request, EST body", "Refused as any other nonsense: no crash, no memory, no error in the log.", "request-not-acceptable", "request-unreadable"),
        new(36, "A key made by the server looked for in logs, database and audit", "It is in the answer and nowhere else."),
        new(37, "A TLS session of one listener, or one server, taken up at another", "Judged anew: a full handshake, or the certificate again.", "no-certificate"),
        new(38, "Smuggled, chunked, oversized and contradictory HTTP at EST", "400, 413 or 431, the connection closed; no second request is read from the first one's body.", "request-too-large"),
    ];
}
