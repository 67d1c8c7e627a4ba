using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Enrolment;

/// <summary>What the server answered, whatever it was.</summary>
internal sealed record ServerAnswer(HttpStatusCode Status, TimeSpan? RetryAfter, string Body)
{
    /// <summary>The server's own words help most, but they are somebody else's text: one short printable line of them.</summary>
    public string Quote()
    {
        var line = new string([.. Body.Trim().TakeWhile(c => c is not ('\r' or '\n')).Where(c => !char.IsControl(c)).Take(200)]).TrimEnd('.');
        return line.Length == 0 ? "" : ": " + line;
    }
}

/// <summary>One HTTPS request to the fleet server, over a connection of its own that is trusted as the caller says.</summary>
internal sealed class ServerCall(DeviceOptions options)
{
    private const int LargestAnswer = 256 * 1024;

    /// <param name="request">Disposed by the caller.</param>
    /// <param name="judge">How strictly: one of the verdict's two ways.</param>
    /// <param name="verdict">Which roots the server's certificate may lead to, and what was found wrong.</param>
    /// <param name="own">The device's certificate, when it is to show one.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="DeviceException">The server did not prove who it is.</exception>
    /// <exception cref="HttpRequestException">No answer came; it may come another time.</exception>
    public async Task<ServerAnswer> SendAsync(
        HttpRequestMessage request, RemoteCertificateValidationCallback judge, ServerVerdict verdict, SslStreamCertificateContext? own, CancellationToken cancellation)
    {
        using var handler = CreateHandler(verdict.Trust, judge, own);
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = LargestAnswer };
        using var deadline = new CancellationTokenSource(options.ConnectTimeout, options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        try
        {
            using var response = await client.SendAsync(request, either.Token);
            if (verdict.IsProved && verdict.Trust.Time.IsUnsure && response.Headers.Date is { } now)
                verdict.Trust.Time.AtLeast(now);
            return new ServerAnswer(response.StatusCode, RetryAfter(response, verdict.Trust.Time), await response.Content.ReadAsStringAsync(either.Token));
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

    private static SocketsHttpHandler CreateHandler(PinnedTrust trust, RemoteCertificateValidationCallback judge, SslStreamCertificateContext? own) => new()
    {
        AllowAutoRedirect = false,                             // a redirect would lead away from the server that was proved
        UseProxy = false,
        UseCookies = false,
        SslOptions = new SslClientAuthenticationOptions
        {
            ClientCertificateContext = own,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            CertificateChainPolicy = trust.ChainPolicy(),
            RemoteCertificateValidationCallback = judge,
        },
    };

    private static TimeSpan? RetryAfter(HttpResponseMessage response, DeviceTime time) =>
        response.Headers.RetryAfter?.Delta ?? response.Headers.RetryAfter?.Date - time.Now;
}
