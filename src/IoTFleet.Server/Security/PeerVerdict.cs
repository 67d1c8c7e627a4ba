using IoTFleet.Broker.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace IoTFleet.Server.Security;

/// <summary>What a peer's certificate makes of it. A claim's and a manufacturer's are good for enrolment and for nothing else.</summary>
internal enum PeerKind { None, Device, Service, Claim, Manufacturer }

/// <summary>Why a peer whose certificate is ours must be turned away all the same, where it can be told.</summary>
/// <param name="Code">One of <see cref="Fleet.Refusals.ReasonCodes"/>.</param>
internal sealed record PeerRefusal(string Code, string Detail);

/// <summary>
/// What the handshake proved of a peer: set as a feature of its connection by whoever judged the certificate, for MQTT and HTTPS alike.
/// Chain, issuer, names and purpose are good, or there would be no connection. Only the dates may not be: then <see cref="Refusal"/> is set,
/// the broker answers the CONNECT with it, and HTTP lets the peer reach only what is marked with <see cref="OpenToRefused"/>.
/// </summary>
internal sealed record PeerVerdict : PeerProof
{
    public static PeerVerdict Nobody { get; } = new() { Kind = PeerKind.None };

    public required PeerKind Kind { get; init; }

    /// <summary>The device's id, service's name or claim's batch. Null when the certificate carries no readable name of its kind, as a manufacturer's never does.</summary>
    public string? Identity { get; init; }

    /// <summary>Why there is no <see cref="Identity"/>: one of the codes of <see cref="Pki.CertificateIdentity"/>.</summary>
    public string? IdentityProblem { get; init; }

    /// <summary>Lower-case hex.</summary>
    public string Serial { get; init; } = "";

    /// <summary>The authority's id; of a manufacturer's certificate that of the registered <see cref="Fleet.Enrolment.ManufacturerAuthority"/>.</summary>
    public string IssuerId { get; init; } = "";

    /// <summary>SHA-256 of the SubjectPublicKeyInfo, lower-case hex.</summary>
    public string KeyFingerprint { get; init; } = "";

    /// <summary>What the maker calls the device, by the certificate's subject or its hardware module name.</summary>
    public string? HardwareSerial { get; init; }

    public PeerRefusal? Refusal { get; init; }

    /// <summary>For logs and counters: a device's id, or what it is and its name.</summary>
    public string? DisplayName => Kind == PeerKind.Device ? Identity : Identity is null ? null : $"{Kind.ToString().ToLowerInvariant()}:{Identity}";

    public static PeerVerdict Of(HttpContext context) => Of(context.Features);

    public static PeerVerdict Of(IFeatureCollection features) => features.Get<PeerProof>() as PeerVerdict ?? Nobody;
}
