using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Enrolment;

/// <summary>What the server answered to simpleenroll, as far as it is not a refusal.</summary>
internal abstract record EstAnswer
{
    public sealed record Issued(X509Certificate2Collection Certificates) : EstAnswer;

    /// <summary>202 or 503: the same request later (RFC 7030 4.2.3).</summary>
    public sealed record Later(string Reason, TimeSpan? After) : EstAnswer;
}

/// <summary>The two EST requests a device needs (RFC 7030). Every call makes its own connection, trusted as its caller says.</summary>
internal sealed class EstClient(DeviceOptions options)
{
    private const int LargestAnswer = 64 * 1024;

    /// <summary>
    /// The certificates of the fleet, from a server that is not proved yet: the caller checks their fingerprints. This is the
    /// bootstrap of RFC 7030 4.1.1, and the reason why this request carries no credentials.
    /// </summary>
    public async Task<X509Certificate2Collection> FetchUnprovedCertificatesAsync(CancellationToken cancellation)
    {
        var verdict = new ServerVerdict(options.Server.Authority);
        using var request = new HttpRequestMessage(HttpMethod.Get, Address("cacerts"));
        var answer = await SendAsync(request, PinnedTrust.Nothing(options.Clock), verdict.AcceptUnanchored, verdict, cancellation);
        if (answer.Status >= HttpStatusCode.InternalServerError)
            throw new HttpRequestException($"status {(int)answer.Status} for cacerts");
        return answer.Status == HttpStatusCode.OK ? Parse(answer.Body) : throw Unexpected(answer, "cacerts");
    }

    /// <summary>Sends the signing request with the token, over a connection that <paramref name="trust"/> has proved.</summary>
    public async Task<EstAnswer> EnrolAsync(byte[] signingRequest, string token, PinnedTrust trust, CancellationToken cancellation)
    {
        var verdict = new ServerVerdict(options.Server.Authority);
        using var request = new HttpRequestMessage(HttpMethod.Post, Address("simpleenroll"));
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.DeviceId}:{token}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", credentials);
        request.Content = new StringContent(Convert.ToBase64String(signingRequest, Base64FormattingOptions.InsertLineBreaks));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/pkcs10");

        var answer = await SendAsync(request, trust, verdict.Accept, verdict, cancellation);
        return answer.Status switch
        {
            HttpStatusCode.OK => new EstAnswer.Issued(Parse(answer.Body)),
            HttpStatusCode.Accepted => new EstAnswer.Later("The server has not approved the enrolment yet.", answer.RetryAfter),
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests => new EstAnswer.Later("The server is busy.", answer.RetryAfter),
            >= HttpStatusCode.InternalServerError => new EstAnswer.Later($"The server failed with status {(int)answer.Status}.", answer.RetryAfter),
            _ => throw Unexpected(answer, "simpleenroll"),
        };
    }

    private Uri Address(string operation) => new(options.Server, "/.well-known/est/" + operation);

    private async Task<Answer> SendAsync(
        HttpRequestMessage request,
        PinnedTrust trust,
        RemoteCertificateValidationCallback judge,
        ServerVerdict verdict,
        CancellationToken cancellation)
    {
        using var handler = CreateHandler(trust, judge);
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = LargestAnswer };
        using var deadline = new CancellationTokenSource(options.ConnectTimeout, options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        try
        {
            using var response = await client.SendAsync(request, either.Token);
            return new Answer(response.StatusCode, RetryAfter(response), await response.Content.ReadAsStringAsync(either.Token));
        }
        catch (HttpRequestException error) when (verdict.Problem is not null || error.InnerException is AuthenticationException)
        {
            var problem = verdict.Problem ?? $"TLS with {options.Server.Authority} failed: {error.InnerException!.Message}";
            throw new DeviceException(DeviceError.ServerNotTrusted, problem, error);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"no answer within {options.ConnectTimeout.TotalSeconds} s");
        }
    }

    private SocketsHttpHandler CreateHandler(PinnedTrust trust, RemoteCertificateValidationCallback judge) => new()
    {
        AllowAutoRedirect = false,                             // a redirect would lead away from the server that was proved
        UseProxy = false,
        UseCookies = false,
        SslOptions = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            CertificateChainPolicy = trust.ChainPolicy(),
            RemoteCertificateValidationCallback = judge,
        },
    };

    private TimeSpan? RetryAfter(HttpResponseMessage response) =>
        response.Headers.RetryAfter?.Delta ?? response.Headers.RetryAfter?.Date - options.Clock.GetUtcNow();

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

    private DeviceException Unexpected(Answer answer, string operation) => new(
        DeviceError.EnrolmentRefused,
        $"{options.Server.Authority} refused {operation} for {options.DeviceId} with status {(int)answer.Status}{Quote(answer.Body)}.");

    // The server's own words help most, but they are somebody else's text: one short printable line of them.
    private static string Quote(string body)
    {
        var line = new string([.. body.Trim().TakeWhile(c => c is not ('\r' or '\n')).Where(c => !char.IsControl(c)).Take(200)]).TrimEnd('.');
        return line.Length == 0 ? "" : ": " + line;
    }

    private sealed record Answer(HttpStatusCode Status, TimeSpan? RetryAfter, string Body);
}
