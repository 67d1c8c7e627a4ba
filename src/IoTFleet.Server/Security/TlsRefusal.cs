using System.Net;

namespace IoTFleet.Server.Security;

internal enum TlsRefusalReason
{
    /// <summary>The peer showed no certificate where one is required.</summary>
    NoCertificate,

    /// <summary>Self-signed, or from an authority that is not below our root.</summary>
    Untrusted,

    Expired,

    NotYetValid,

    /// <summary>Ours, but not from the authority that issues to such devices or services.</summary>
    WrongIssuer,

    /// <summary>Not meant for TLS clients, or not saying what it is meant for.</summary>
    WrongPurpose,

    /// <summary>Its names are not among those its authority may give.</summary>
    NameNotAllowed,

    /// <summary>Good for enrolment only, and shown where MQTT is spoken.</summary>
    IssuerPurpose,

    /// <summary>From an authority of ours that is believed no more, or not yet.</summary>
    AuthorityNotInForce,

    /// <summary>Its key can be broken.</summary>
    WeakKey,
}

/// <summary>
/// A handshake that ended for its certificate. The peer is not told why: on Linux .NET closes without an alert,
/// so this is the only place where the reason is known.
/// </summary>
/// <param name="Name">Whom the certificate claims to be, unproven: a device's id, or <c>service:</c> and a service's name; null when it names none in our grammar.</param>
internal sealed record TlsRefusal(TlsRefusalReason Reason, string Detail, string? Name, EndPoint? Address)
{
    /// <summary>For logs and counters; does not change.</summary>
    public string Code => Reason switch
    {
        TlsRefusalReason.NoCertificate => "no-certificate",
        TlsRefusalReason.Untrusted => "untrusted",
        TlsRefusalReason.Expired => "expired",
        TlsRefusalReason.NotYetValid => "not-yet-valid",
        TlsRefusalReason.WrongIssuer => "wrong-issuer",
        TlsRefusalReason.WrongPurpose => "wrong-purpose",
        TlsRefusalReason.NameNotAllowed => "name-not-allowed",
        TlsRefusalReason.IssuerPurpose => "issuer-purpose",
        TlsRefusalReason.AuthorityNotInForce => "authority-not-in-force",
        TlsRefusalReason.WeakKey => "weak-key",
        _ => throw new InvalidOperationException($"No code for {Reason}."),
    };
}
