using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Authorities;

/// <summary>
/// Prepared: made, trusted by nobody. Published: in every trust bundle, signs nothing yet. Active: signs; one for each purpose.
/// Retiring: its certificates are good until they end. Tainted: its certificates are good and must be renewed now. Removed: trusted no more.
/// </summary>
public enum AuthorityState { Prepared, Published, Active, Retiring, Tainted, Removed }

/// <summary>One generation of an authority. Its key is kept outside the database, where <see cref="KeyReference"/> says.</summary>
public sealed class Authority
{
    /// <summary>The subject key identifier, lower-case hex: what a certificate names as its issuer's key, and no two generations share.</summary>
    public required string Id { get; init; }
    public required AuthorityPurpose Purpose { get; init; }

    /// <summary>From 1, counted for each purpose.</summary>
    public required int Generation { get; init; }
    public required AuthorityState State { get; init; }
    public required byte[] Der { get; init; }

    /// <summary>Where a node finds the key: <c>file:devices.key</c> in the CA folder, or a <c>pkcs11:</c> URI (RFC 7512). Null when it is kept elsewhere, as an offline root's.</summary>
    public string? KeyReference { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset StateChangedAt { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }
    public RevocationReason? RevocationReason { get; init; }
}

/// <summary>The anchors and authorities that devices are to trust, as one signed document. Versions only grow.</summary>
public sealed class TrustBundle
{
    public required long Version { get; init; }

    /// <summary>The signed document as devices get it.</summary>
    public required byte[] Document { get; init; }

    /// <summary>The authority that signed it.</summary>
    public required string SignerId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A certificate of the fleet's own: a node's TLS certificate, an OCSP responder's, one of a root for what another root has signed.</summary>
public sealed class ServerCertificateRecord
{
    /// <summary>Lower-case hex.</summary>
    public required string Serial { get; init; }
    public required string IssuerId { get; init; }

    /// <summary>The profile's name.</summary>
    public required string Profile { get; init; }
    public required string Subject { get; init; }
    public required byte[] Der { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }
    public RevocationReason? RevocationReason { get; init; }

    internal static ServerCertificateRecord Of(SignedCertificate signed, string profile, string subject) => new()
    {
        Serial = signed.Leaf.SerialHex,
        IssuerId = signed.Intent.IssuerId,
        Profile = profile,
        Subject = subject,
        Der = signed.Leaf.Der.ToArray(),
        NotBefore = signed.Leaf.NotBefore,
        NotAfter = signed.Leaf.NotAfter,
    };
}
