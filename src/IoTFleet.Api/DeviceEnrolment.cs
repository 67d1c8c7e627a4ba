namespace IoTFleet.Api;

/// <summary>Body of <c>POST /.well-known/iotfleet/v1/enroll</c>: a device asks for its certificate, by a token or by the certificate of its connection.</summary>
public sealed record DeviceEnrolmentRequest
{
    /// <summary>The signing request (PKCS#10), DER in base64.</summary>
    public required string Request { get; init; }

    /// <summary>Who the device is; null when the signing request says it.</summary>
    public string? DeviceId { get; init; }

    /// <summary>The enrolment token; null when the connection's certificate speaks for the device.</summary>
    public string? Token { get; init; }

    /// <summary>The enrolment group; null for the credential's own.</summary>
    public string? Group { get; init; }

    /// <summary>What its maker calls it.</summary>
    public string? HardwareSerial { get; init; }

    /// <summary>Without the token, so that it never reaches a log by accident.</summary>
    public override string ToString() => $"DeviceEnrolmentRequest {{ DeviceId = {DeviceId} }}";
}

/// <summary>Everything a device needs to connect, in one answer: to an enrolment, and to a renewal.</summary>
public sealed record DeviceEnrolment
{
    /// <summary>The device's certificate, DER in base64.</summary>
    public required string Certificate { get; init; }

    /// <summary>What it leads to: the authority that issued it, then the root; DER in base64.</summary>
    public required IReadOnlyList<string> Chain { get; init; }

    /// <summary>Whom to trust; null before the fleet has made the first bundle.</summary>
    public DeviceTrustBundle? TrustBundle { get; init; }

    /// <summary>Where to connect.</summary>
    public required BrokerAddress Broker { get; init; }

    /// <summary>What to publish and subscribe to.</summary>
    public required DeviceTopics Topics { get; init; }

    /// <summary>When to renew.</summary>
    public required RenewalAdvice Renewal { get; init; }

    /// <summary>The proof that the certificate is in the log of issued certificates; null while none can be given.</summary>
    public LogProof? Log { get; init; }
}

/// <summary>The anchors that a device is to trust, as one signed document.</summary>
public sealed record DeviceTrustBundle
{
    /// <summary>Versions only grow.</summary>
    public required long Version { get; init; }

    /// <summary>The signed document, base64.</summary>
    public required string Document { get; init; }
}

/// <summary>Where MQTT is spoken.</summary>
public sealed record BrokerAddress
{
    /// <summary>A name or address of the server's certificate.</summary>
    public required string Host { get; init; }

    /// <summary>The port of MQTT over mutual TLS.</summary>
    public required int Port { get; init; }
}

/// <summary>A device's own topics.</summary>
public sealed record DeviceTopics
{
    /// <summary>What it measures goes there, or below.</summary>
    public required string Telemetry { get; init; }

    /// <summary>What happens to it goes below.</summary>
    public required string Events { get; init; }

    /// <summary>What it is told comes from below.</summary>
    public required string Commands { get; init; }
}

/// <summary>When a certificate is to be renewed.</summary>
public sealed record RenewalAdvice
{
    /// <summary>Not before.</summary>
    public required DateTimeOffset Start { get; init; }

    /// <summary>Not after.</summary>
    public required DateTimeOffset End { get; init; }

    /// <summary>When to ask again whether it has changed.</summary>
    public required long RetryAfterSeconds { get; init; }
}

/// <summary>That a certificate is a leaf of the log of issued certificates (RFC 9162 2.1.3).</summary>
public sealed record LogProof
{
    /// <summary>The leaf's place.</summary>
    public required long Index { get; init; }

    /// <summary>The size of the tree that the proof is for.</summary>
    public required long TreeSize { get; init; }

    /// <summary>The hashes beside the way to the tree's head, base64.</summary>
    public required IReadOnlyList<string> Proof { get; init; }

    /// <summary>The signed head.</summary>
    public string? Checkpoint { get; init; }
}
