namespace IoTFleet.Api;

/// <summary>The values of <see cref="ServiceSummary.State"/>.</summary>
public static class ServiceStates
{
    /// <summary>May connect with a certificate issued to it.</summary>
    public const string Active = "active";

    /// <summary>Refused for good; its certificates are revoked.</summary>
    public const string Revoked = "revoked";
}

/// <summary>A backend application that connects to the broker with a certificate of its own.</summary>
public record ServiceSummary
{
    /// <summary>Its name, of the grammar of a device id.</summary>
    public required string Name { get; init; }

    /// <summary>One of <see cref="ServiceStates"/>; a newer server may know more.</summary>
    public required string State { get; init; }

    /// <summary>Filters of the topics it may publish to.</summary>
    public required IReadOnlyList<string> Publish { get; init; }

    /// <summary>Filters that cover what it may subscribe to.</summary>
    public required IReadOnlyList<string> Subscribe { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>How many MQTT connections it holds now.</summary>
    public required int Connections { get; init; }
}

/// <summary>A service with the certificates issued to it.</summary>
public sealed record ServiceDetails : ServiceSummary
{
    /// <summary>Every certificate ever issued to the service, newest first.</summary>
    public required IReadOnlyList<CertificateSummary> Certificates { get; init; }
}

/// <summary>Body of <c>POST /services</c>. What no rule allows is refused.</summary>
public sealed record CreateServiceRequest
{
    /// <summary>The new service's name, <c>[a-z0-9][a-z0-9._-]{0,62}</c>, not ending with a dot.</summary>
    public required string Name { get; init; }

    /// <summary>Filters of the topics it may publish to, such as <c>devices/+/commands/#</c>; null or empty for none.</summary>
    public IReadOnlyList<string>? Publish { get; init; }

    /// <summary>Filters that cover what it may subscribe to, such as <c>devices/#</c>; null or empty for none.</summary>
    public IReadOnlyList<string>? Subscribe { get; init; }
}

/// <summary>Body of <c>POST /services/{name}/certificates</c>.</summary>
public sealed record IssueCertificateRequest
{
    /// <summary>A PKCS#10 signing request in PEM form, for a P-256 key that its sender made; its subject is empty or <c>CN={name}</c>.</summary>
    public required string Request { get; init; }
}

/// <summary>A certificate just issued to a service.</summary>
public sealed record IssuedServiceCertificate
{
    /// <summary>The service.</summary>
    public required string Name { get; init; }

    /// <summary>The serial number, lower-case hex without separators.</summary>
    public required string Serial { get; init; }

    /// <summary>Start of its validity.</summary>
    public required DateTimeOffset NotBefore { get; init; }

    /// <summary>End of its validity.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>The certificate in PEM form; the broker needs no other to build its chain.</summary>
    public required string CertificatePem { get; init; }

    /// <summary>The fleet's root, which the service is to believe, in PEM form.</summary>
    public required string RootPem { get; init; }
}

/// <summary>Body of <c>POST /services/{name}/revoke</c>.</summary>
public sealed record RevokeServiceRequest
{
    /// <summary>Why, a word as in <see cref="RevokeDeviceRequest.Reason"/>; null is <c>unspecified</c>.</summary>
    public string? Reason { get; init; }
}

/// <summary>What the revocation of a service did.</summary>
public sealed record ServiceRevocation
{
    /// <summary>The revoked service.</summary>
    public required string Name { get; init; }

    /// <summary>How many certificates became revoked by this request; 0 when all of them were before.</summary>
    public required int CertificatesRevoked { get; init; }

    /// <summary>How many live connections were closed.</summary>
    public required int ConnectionsClosed { get; init; }
}
