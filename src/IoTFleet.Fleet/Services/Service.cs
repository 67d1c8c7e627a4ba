using IoTFleet.Pki;

namespace IoTFleet.Fleet.Services;

/// <summary>Active: may connect with a certificate of its own. Revoked: never again.</summary>
public enum ServiceState { Active, Revoked }

/// <summary>A backend application that connects to the broker: its topic rights are rules of its own, not its name's.</summary>
public sealed class Service
{
    /// <summary>Of the grammar of <see cref="DeviceName"/>.</summary>
    public required string Name { get; init; }
    public required ServiceState State { get; init; }

    /// <summary>Filters; see <see cref="TopicRules"/>.</summary>
    public required string[] PublishRules { get; init; }
    public required string[] SubscribeRules { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset StateChangedAt { get; init; }
}

/// <summary>A certificate issued to a service. It may hold several, one for each place it runs at.</summary>
public sealed class ServiceCertificate
{
    /// <summary>Lower-case hex.</summary>
    public required string Serial { get; init; }
    public required string ServiceName { get; init; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo, lower-case hex.</summary>
    public required string KeyFingerprint { get; init; }

    /// <summary>The authority's id: its subject key identifier, lower-case hex. Empty for certificates issued before authorities were recorded.</summary>
    public string IssuerId { get; init; } = "";
    public required byte[] Der { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public DateTimeOffset? RevokedAt { get; init; }
    public RevocationReason? RevocationReason { get; init; }
}
