using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Enrolment;

/// <summary>What the server answered to a request for a certificate, as far as it is not a refusal.</summary>
internal abstract record EnrolmentAnswer
{
    public sealed record Issued(X509Certificate2Collection Certificates) : EnrolmentAnswer
    {
        /// <summary>As it came, not verified yet.</summary>
        public ReadOnlyMemory<byte>? TrustBundle { get; init; }
    }

    /// <summary>202 or 503: the same request later (RFC 7030 4.2.3).</summary>
    public sealed record Later(string Reason, TimeSpan? After) : EnrolmentAnswer;

    public static Later? LaterOrNull(ServerAnswer answer) => answer.Status switch
    {
        HttpStatusCode.Accepted => new Later("The server has not approved the request yet; an operator has to.", answer.RetryAfter),
        HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests => new Later("The server is busy.", answer.RetryAfter),
        >= HttpStatusCode.InternalServerError => new Later($"The server failed with status {(int)answer.Status}.", answer.RetryAfter),
        _ => null,
    };
}

/// <summary>The EST requests a device needs (RFC 7030). Every call makes its own connection, trusted as its caller says.</summary>
internal sealed class EstClient(DeviceOptions options, DeviceTime time)
{
    private readonly ServerCall _server = new(options);

    /// <summary>
    /// The certificates of the fleet, from a server that is not proved yet: the caller checks their fingerprints. This is the
    /// bootstrap of RFC 7030 4.1.1, and the reason why this request carries no credentials.
    /// </summary>
    public async Task<X509Certificate2Collection> FetchUnprovedCertificatesAsync(CancellationToken cancellation)
    {
        var verdict = new ServerVerdict(options.Server.Authority, PinnedTrust.Nothing(time));
        using var request = new HttpRequestMessage(HttpMethod.Get, Address("cacerts"));
        var answer = await _server.SendAsync(request, verdict.AcceptUnanchored, verdict, own: null, cancellation);
        if (answer.Status >= HttpStatusCode.InternalServerError)
            throw new HttpRequestException($"status {(int)answer.Status} for cacerts");
        return answer.Status == HttpStatusCode.OK ? Parse(answer.Body) : throw Unexpected(answer, "cacerts");
    }

    /// <summary>Sends the signing request with whatever credential there is, over a connection that <paramref name="trust"/> has proved.</summary>
    public async Task<EnrolmentAnswer> EnrolAsync(byte[] signingRequest, SslStreamCertificateContext? own, PinnedTrust trust, CancellationToken cancellation) =>
        await AskAsync("simpleenroll", signingRequest, options.EnrolmentToken, own, trust, cancellation) is var answer && answer.Status == HttpStatusCode.OK
            ? new EnrolmentAnswer.Issued(Parse(answer.Body))
            : EnrolmentAnswer.LaterOrNull(answer) ?? throw Unexpected(answer, "simpleenroll");

    /// <summary>The next certificate, by the present one.</summary>
    public Task<ServerAnswer> ReenrolAsync(byte[] signingRequest, SslStreamCertificateContext present, PinnedTrust trust, CancellationToken cancellation) =>
        AskAsync("simplereenroll", signingRequest, token: null, present, trust, cancellation);

    private async Task<ServerAnswer> AskAsync(
        string operation, byte[] signingRequest, string? token, SslStreamCertificateContext? own, PinnedTrust trust, CancellationToken cancellation)
    {
        var verdict = new ServerVerdict(options.Server.Authority, trust);
        using var request = new HttpRequestMessage(HttpMethod.Post, Address(operation));
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.DeviceId}:{token}")));
        request.Content = new StringContent(Convert.ToBase64String(signingRequest, Base64FormattingOptions.InsertLineBreaks));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/pkcs10");
        return await _server.SendAsync(request, verdict.Accept, verdict, own, cancellation);
    }

    // RFC 7030 3.2.2: the label between is the group.
    private Uri Address(string operation) => new(options.Server, $"/.well-known/est/{(options.EnrolmentGroup is { } group ? group + "/" : "")}{operation}");

    private X509Certificate2Collection Parse(string body)
    {
        try
        {
            return CertsOnlyMessage.Parse(body);
        }
        catch (FormatException error)
        {
            var problem = $"{options.Server.Authority} did not answer as an EST server does: {error.Message}. Is the address right?";
            throw new DeviceException(DeviceError.EnrolmentRefused, problem, error);
        }
    }

    private DeviceException Unexpected(ServerAnswer answer, string operation) => new(
        DeviceError.EnrolmentRefused,
        $"{options.Server.Authority} refused {operation} for {options.DeviceId} with status {(int)answer.Status}{answer.Quote()}.");
}
