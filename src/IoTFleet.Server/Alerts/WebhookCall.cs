using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using IoTFleet.Fleet.Telemetry.Rules;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace IoTFleet.Server.Alerts;

/// <param name="Status">What the receiver said; null when it said nothing.</param>
/// <param name="Problem">Why it is not delivered; null when it is.</param>
/// <param name="RetryAfter">What the receiver asks for.</param>
internal sealed record CallResult(int? Status, string? Problem, TimeSpan? RetryAfter)
{
    /// <summary>The receiver says that it is there no more (RFC 9110 15.5.11).</summary>
    internal bool IsGone => Status == (int)HttpStatusCode.Gone;
}

/// <summary>
/// One signed POST. TLS is verified against the system's authorities, redirects are not followed, no proxy is used and no cookie kept.
/// A connection that breaks is tried once more at once, as when the receiver has just closed one that was kept open.
/// </summary>
internal sealed class WebhookCall : IDisposable
{
    internal const string TimestampHeader = "IoTFleet-Timestamp";
    internal const string SignatureHeader = "IoTFleet-Signature";
    internal const string DeliveryHeader = "IoTFleet-Delivery";
    internal const string EventHeader = "IoTFleet-Event";

    private readonly HttpClient _http;
    private readonly WebhookSecrets _secrets;
    private readonly WebhookOptions _options;
    private readonly TimeProvider _clock;
    private readonly ResiliencePipeline<HttpResponseMessage> _attempt;

    public WebhookCall(WebhookSecrets secrets, WebhookOptions options, TimeProvider clock)
    {
        (_secrets, _options, _clock) = (secrets, options, clock);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            MaxConnectionsPerServer = 4,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // so that a change of DNS is seen
            ConnectCallback = (connection, token) => PublicAddresses.ConnectAsync(connection.DnsEndPoint, options.AllowPrivateAddresses, token),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _attempt = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = clock }
            .AddTimeout(options.Timeout)
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                ShouldHandle = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>(error => error.InnerException is IOException or SocketException),
                MaxRetryAttempts = 1,
                Delay = TimeSpan.Zero,
            })
            .Build();
    }

    internal async Task<CallResult> SendAsync(ClaimedDelivery due, CancellationToken cancellationToken)
    {
        if (due.Url is not { } address) return new CallResult(null, "The webhook was deleted.", null);
        if (!_options.AllowHttp && !address.StartsWith("https://", StringComparison.OrdinalIgnoreCase)) return new CallResult(null, "It is not https://, and Webhooks:AllowHttp is off.", null);
        try
        {
            using var response = await _attempt.ExecuteAsync(async token => await PostAsync(due, address, token), cancellationToken);
            var status = (int)response.StatusCode;
            return response.IsSuccessStatusCode ? new CallResult(status, null, null) : new CallResult(status, $"It answered {status}.", RetryAfterOf(response));
        }
        catch (HttpRequestException problem) { return new CallResult(null, problem.InnerException is { } inner ? $"{problem.Message} {inner.Message}" : problem.Message, null); }
        catch (TimeoutRejectedException) { return new CallResult(null, $"It did not answer within {_options.Timeout.TotalSeconds} s.", null); }
        catch (CryptographicException) { return new CallResult(null, "Its secret was encrypted with another server's keys; make the webhook anew.", null); }
    }

    private async Task<HttpResponseMessage> PostAsync(ClaimedDelivery due, string address, CancellationToken cancellationToken)
    {
        var (delivery, timestamp) = (due.Delivery, _clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(delivery.Body)) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Add(TimestampHeader, timestamp);
        // One for each secret, as Stripe has it: a receiver that has any of them finds its own.
        request.Headers.Add(SignatureHeader, string.Join(',', due.ProtectedSecrets.Select(secret => $"v1={Sign(_secrets.Reveal(secret), timestamp, delivery.Body)}")));
        request.Headers.Add(DeliveryHeader, delivery.Id);
        request.Headers.Add(EventHeader, delivery.Event);
        request.Headers.UserAgent.ParseAdd("IoTFleet");
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken); // its body is not wanted, however long
    }

    /// <summary>HMAC-SHA256, lower-case hex, over the timestamp, a dot, and the body: an old request cannot be sent again under a new time.</summary>
    internal static string Sign(byte[] secret, string timestamp, string body)
    {
        var signature = Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"{timestamp}.{body}")));
        CryptographicOperations.ZeroMemory(secret);
        return signature;
    }

    /// <summary>Seconds or a date (RFC 9110 10.2.3).</summary>
    private TimeSpan? RetryAfterOf(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - _clock.GetUtcNow(),
        _ => null,
    };

    public void Dispose() => _http.Dispose();
}
