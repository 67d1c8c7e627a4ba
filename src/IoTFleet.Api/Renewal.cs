namespace IoTFleet.Api;

/// <summary>A device asks for its next certificate, by the present one.</summary>
public sealed record RenewCertificateRequest
{
    /// <summary>PKCS#10 in DER, base64.</summary>
    public required string Request { get; init; }
}

/// <summary>When a device is to renew: at some moment between start and end, at once when that has passed (RFC 9773 4.2).</summary>
public sealed record RenewalInfo
{
    /// <summary>The first moment.</summary>
    public required DateTimeOffset Start { get; init; }

    /// <summary>The last.</summary>
    public required DateTimeOffset End { get; init; }

    /// <summary>When to ask again, since the server may change its mind.</summary>
    public required int RetryAfterSeconds { get; init; }

    /// <summary>The newest trust bundle; 0 before there is one. Who holds an older one fetches it.</summary>
    public required long TrustBundleVersion { get; init; }
}

/// <summary>What a device signs to be told how its certificate stands.</summary>
public sealed record StatusNonce
{
    /// <summary>Base64; good for <see cref="ExpiresInSeconds"/>.</summary>
    public required string Nonce { get; init; }

    /// <summary>Seconds.</summary>
    public required int ExpiresInSeconds { get; init; }
}

/// <summary>A device asks how its certificate stands.</summary>
public sealed record StatusRequest
{
    /// <summary>DER, base64.</summary>
    public required string Certificate { get; init; }

    /// <summary>As the server gave it.</summary>
    public required string Nonce { get; init; }

    /// <summary>By the certificate's key over <c>IoTFleet status v1</c>, a zero byte and the nonce; ECDSA in DER or RSA PKCS#1, SHA-256; base64.</summary>
    public required string Signature { get; init; }
}

/// <summary>How a certificate stands.</summary>
public sealed record CertificateStanding
{
    /// <summary><c>ok</c>, <c>expired</c>, <c>revoked</c>, <c>suspended</c>, <c>superseded</c>, <c>authority-removed</c>, <c>clock</c>, <c>clone-hold</c> or <c>unknown</c>.</summary>
    public required string Status { get; init; }

    /// <summary>What to do about it.</summary>
    public required string WhatToDo { get; init; }

    /// <summary>When trying again may help; absent when it will not.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>The server's clock.</summary>
    public required DateTimeOffset ServerTime { get; init; }
}

/// <summary>What becomes of the fleet's certificates if nothing is renewed from now on.</summary>
public sealed record CertificateForecast
{
    /// <summary>As of when.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>Devices that could connect now.</summary>
    public required int Devices { get; init; }

    /// <summary>Certificates that end in each hour from <see cref="At"/> on, for 90 days.</summary>
    public required IReadOnlyList<int> EndingPerHour { get; init; }

    /// <summary>Those that end after that.</summary>
    public required int EndingLater { get; init; }

    /// <summary>When the first device has no certificate left.</summary>
    public DateTimeOffset? FirstDiesAt { get; init; }

    /// <summary>Which that is.</summary>
    public string? FirstToDie { get; init; }

    /// <summary>When a hundredth of the devices have none left.</summary>
    public DateTimeOffset? OnePercentDeadAt { get; init; }

    /// <summary>Devices that are late.</summary>
    public required IReadOnlyList<MissedRenewal> Missed { get; init; }

    /// <summary>What the fleet needs on average.</summary>
    public required double RenewalsPerSecond { get; init; }
}

/// <summary>Devices that should have renewed so many times, and have not.</summary>
public sealed record MissedRenewal
{
    /// <summary>How many.</summary>
    public required int Renewals { get; init; }

    /// <summary>Those.</summary>
    public required int Devices { get; init; }

    /// <summary>Some of them.</summary>
    public required IReadOnlyList<string> Examples { get; init; }
}

/// <summary>An operator asks devices to renew before their time: one, those of a group, or all when neither is named.</summary>
public sealed record RequestRenewalsRequest
{
    /// <summary>One device.</summary>
    public string? DeviceId { get; init; }

    /// <summary>An enrolment group.</summary>
    public string? GroupId { get; init; }
}

/// <summary>What came of it.</summary>
public sealed record RenewalsRequested
{
    /// <summary>How many devices will renew.</summary>
    public required int Devices { get; init; }

    /// <summary>Over how long they are spread.</summary>
    public required int OverSeconds { get; init; }
}
