using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using IoTFleet.Device.Enrolment;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Renewal;

/// <summary>What became of a renewal.</summary>
internal abstract record RenewalAnswer
{
    /// <param name="Certificate">DER.</param>
    /// <param name="Advice">When to renew it in its turn.</param>
    /// <param name="TrustBundle">As it came, not verified yet.</param>
    public sealed record Renewed(ReadOnlyMemory<byte> Certificate, RenewalAdvice? Advice, ReadOnlyMemory<byte>? TrustBundle) : RenewalAnswer;

    public sealed record Later(string Reason, TimeSpan? After) : RenewalAnswer;

    /// <param name="Code">The server's, of docs/reasons.md.</param>
    /// <param name="Reason">For people.</param>
    public sealed record Refused(string Code, string Reason) : RenewalAnswer;
}

/// <summary>What the server says of this device's certificate, asked by a device that was turned away.</summary>
/// <param name="Status"><c>ok</c>, or why not.</param>
/// <param name="WhatToDo">For people.</param>
/// <param name="RetryAfter">When to try again, if that may help.</param>
internal sealed record CertificateStatus(string Status, string WhatToDo, TimeSpan? RetryAfter)
{
    public bool IsOk => Status == "ok";
}

/// <summary>The requests of a device that has a certificate: a new one, when to get it, and why it was turned away. Each over a connection of its own.</summary>
internal sealed class RenewalClient(DeviceOptions options, DeviceTrust trust)
{
    private const string HeldBundle = "Trust-Bundle-Version";

    /// <summary>Signed together with the nonce, so that the signature is good for nothing else.</summary>
    private static ReadOnlySpan<byte> StatusPurpose => "IoTFleet status v1\0"u8;

    private readonly ServerCall _server = new(options);

    /// <summary>A certificate for the next key, by the identity in use. Asked again with the same key the server gives the same certificate.</summary>
    public async Task<RenewalAnswer> RenewAsync(DeviceIdentity current, ECDsa nextKey, CancellationToken cancellation)
    {
        var request = new CertificateRequest($"CN={options.DeviceId}", nextKey, HashAlgorithmName.SHA256).CreateSigningRequest();
        try
        {
            var answer = await AskAsync(request, current, cancellation);
            return answer.Status == HttpStatusCode.OK
                ? Read(answer, nextKey)
                : EnrolmentAnswer.LaterOrNull(answer) is { } later ? new RenewalAnswer.Later(later.Reason, later.After) : Refusal(answer);
        }
        catch (HttpRequestException error)
        {
            return new RenewalAnswer.Later($"{options.Server.Authority} cannot be reached: {error.Message}", null);
        }
    }

    private Task<ServerAnswer> AskAsync(byte[] request, DeviceIdentity current, CancellationToken cancellation)
    {
        if (options.EnrolmentProtocol == EnrolmentProtocol.Est)
            return new EstClient(options, trust.Time).ReenrolAsync(request, current.ClientCertificate, trust.Pinned, cancellation);
        var body = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["request"] = Convert.ToBase64String(request) }, SdkJson.Default.DictionaryStringString);
        return SendAsync(HttpMethod.Post, "renew", body, current, showOwn: true, cancellation);
    }

    /// <summary>When to renew; null when the server does not say.</summary>
    public async Task<RenewalAdvice?> AdviceAsync(DeviceIdentity current, CancellationToken cancellation)
    {
        try
        {
            var answer = await SendAsync(HttpMethod.Get, "renewal-info", null, current, showOwn: true, cancellation);
            return answer.Status == HttpStatusCode.OK ? JsonSerializer.Deserialize(answer.Body, SdkJson.Default.RenewalInfo)?.ToAdvice() : null;
        }
        catch (Exception error) when (error is HttpRequestException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The newest trust bundle, not verified yet; null when there is no answer.</summary>
    public async Task<ReadOnlyMemory<byte>?> TrustBundleAsync(DeviceIdentity current, CancellationToken cancellation)
    {
        try
        {
            var answer = await SendAsync(HttpMethod.Get, "trust-bundle", null, current, showOwn: false, cancellation);
            return answer.Status == HttpStatusCode.OK ? Encoding.UTF8.GetBytes(answer.Body) : default(ReadOnlyMemory<byte>?);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>
    /// Why this identity is turned away: without it, so that it is answered however bad it is, with a proof of its key so that nobody else learns it.
    /// Null when there is no answer.
    /// </summary>
    public async Task<CertificateStatus?> StatusAsync(DeviceIdentity identity, CancellationToken cancellation)
    {
        try
        {
            var offer = await SendAsync(HttpMethod.Get, "status", null, identity, showOwn: false, cancellation);
            if (offer.Status != HttpStatusCode.OK || JsonSerializer.Deserialize(offer.Body, SdkJson.Default.StatusOffer)?.Nonce is not { } text)
                return null;
            var nonce = Convert.FromBase64String(text);
            var body = JsonSerializer.SerializeToUtf8Bytes(
                new Dictionary<string, string>
                {
                    ["certificate"] = Convert.ToBase64String(identity.Der.Span),
                    ["nonce"] = text,
                    ["signature"] = Convert.ToBase64String(identity.Sign([.. StatusPurpose, .. nonce])),
                },
                SdkJson.Default.DictionaryStringString);
            var answer = await SendAsync(HttpMethod.Post, "status", body, identity, showOwn: false, cancellation);
            return answer.Status == HttpStatusCode.OK ? JsonSerializer.Deserialize(answer.Body, SdkJson.Default.StatusReply)?.ToStatus() : null;
        }
        catch (Exception error) when (error is HttpRequestException or JsonException or FormatException or DeviceException)
        {
            return null;                                       // a diagnosis is a help, and never a fault of its own
        }
    }

    private async Task<ServerAnswer> SendAsync(HttpMethod method, string operation, byte[]? body, DeviceIdentity identity, bool showOwn, CancellationToken cancellation)
    {
        var verdict = new ServerVerdict(options.Server.Authority, trust.Pinned);
        using var request = new HttpRequestMessage(method, new Uri(options.Server, "/.well-known/iotfleet/v1/" + operation));
        if (body is not null)
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        if (showOwn && trust.Version is { } version)           // for a server that is not told at CONNECT, or was told before this one came
            request.Headers.Add(HeldBundle, version.ToString(CultureInfo.InvariantCulture));
        return await _server.SendAsync(request, verdict.Accept, verdict, showOwn ? identity.ClientCertificate : null, cancellation);
    }

    private RenewalAnswer Read(ServerAnswer answer, ECDsa nextKey)
    {
        try
        {
            var mine = nextKey.ExportSubjectPublicKeyInfo();
            var reply = options.EnrolmentProtocol == EnrolmentProtocol.Est ? null : JsonSerializer.Deserialize(answer.Body, SdkJson.Default.RenewalReply);
            var leaves = reply is null ? CertsOnlyMessage.Parse(answer.Body) : [X509CertificateLoader.LoadCertificate(Convert.FromBase64String(reply.Certificate ?? ""))];
            if (leaves.FirstOrDefault(leaf => leaf.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(mine)) is { } own)
                return new RenewalAnswer.Renewed(own.RawData, reply?.Renewal?.ToAdvice(), reply?.TrustBundle?.Document is { } given ? given : default(ReadOnlyMemory<byte>?));
        }
        catch (Exception error) when (error is JsonException or FormatException or CryptographicException)
        {
            // Said below.
        }

        return new RenewalAnswer.Later($"{options.Server.Authority} answered the renewal with something else than a certificate for the new key.", null);
    }

    private static RenewalAnswer.Refused Refusal(ServerAnswer answer)
    {
        try
        {
            if (JsonSerializer.Deserialize(answer.Body, SdkJson.Default.Problem) is { Code: { } code } problem)
                return new RenewalAnswer.Refused(code, problem.Detail ?? code);
        }
        catch (JsonException)
        {
            // Not in our words; the status says enough.
        }

        return new RenewalAnswer.Refused("refused", $"status {(int)answer.Status}{answer.Quote()}");
    }
}
