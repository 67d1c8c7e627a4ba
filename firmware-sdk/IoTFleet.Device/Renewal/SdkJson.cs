using System.Text.Json.Serialization;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Renewal;

internal sealed record RenewalInfo(DateTimeOffset Start, DateTimeOffset End, double RetryAfterSeconds, long? TrustBundleVersion)
{
    public RenewalAdvice? ToAdvice() => End < Start || RetryAfterSeconds is not (>= 0 and < 1e9) ? null : new RenewalAdvice(Start, End, TimeSpan.FromSeconds(RetryAfterSeconds)) { TrustBundleVersion = TrustBundleVersion };
}

internal sealed record RenewalReply(string? Certificate, RenewalInfo? Renewal, GivenBundle? TrustBundle);

internal sealed record GivenBundle(byte[]? Document);

internal sealed record StatusOffer(string? Nonce);

internal sealed record StatusReply(string? Status, string? WhatToDo, double? RetryAfterSeconds)
{
    public CertificateStatus? ToStatus() => Status is null
        ? null
        : new CertificateStatus(Status, WhatToDo ?? "", RetryAfterSeconds is >= 0 and < 1e9 and { } seconds ? TimeSpan.FromSeconds(seconds) : null);
}

internal sealed record Problem(string? Code, string? Detail);

/// <summary>The server's JSON, read without reflection: firmware is often trimmed.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RenewalInfo))]
[JsonSerializable(typeof(RenewalReply))]
[JsonSerializable(typeof(StatusOffer))]
[JsonSerializable(typeof(StatusReply))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(SignedBundle))]
[JsonSerializable(typeof(BundlePayload))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class SdkJson : JsonSerializerContext;
