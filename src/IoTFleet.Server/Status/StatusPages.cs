using System.Globalization;
using System.Threading.RateLimiting;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Status;
using IoTFleet.Pki.Ocsp;
using IoTFleet.Server.Doors;
using Microsoft.AspNetCore.Http.Features;

namespace IoTFleet.Server.Status;

/// <summary>
/// What the plain port answers, and nothing else: <c>/crl/{issuer}/{shard}.crl</c>, <c>/aia/{issuer}.cer</c>, <c>/ocsp</c>. All of it is signed, so that
/// it needs no TLS, and public, so that anybody may keep it.
/// </summary>
internal sealed class StatusPages(FindCrl crls, AuthorityDirectory authorities, AnswerOcsp ocsp, FleetMetrics metrics, DoorOptions doors, TimeProvider clock)
{
    private const string Get = "GET, HEAD";
    private const string OcspPath = "/ocsp/";
    private static readonly TimeSpan ListMaxAge = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan IssuerMaxAge = TimeSpan.FromDays(1);

    /// <summary>A question costs a look into the database and a signature; strangers together get this many a second.</summary>
    private readonly TokenBucketRateLimiter _questions = new(new TokenBucketRateLimiterOptions
    {
        TokenLimit = doors.StatusRequestsPerSecond,
        TokensPerPeriod = Math.Max(1, doors.StatusRequestsPerSecond / 10),
        ReplenishmentPeriod = TimeSpan.FromMilliseconds(100),
        QueueLimit = 0,
    });

    public Task AnswerAsync(HttpContext context)
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        var path = context.Request.Path.Value ?? "";
        if (path == "/ocsp" || path.StartsWith(OcspPath, StringComparison.Ordinal)) return OcspAsync(context);
        var parts = path.Split('/');
        return parts switch
        {
            ["", "crl", var issuer, var list] when list.EndsWith(".crl", StringComparison.Ordinal) => CrlAsync(context, issuer, list[..^4]),
            ["", "aia", var issuer] when issuer.EndsWith(".cer", StringComparison.Ordinal) => IssuerAsync(context, issuer[..^4]),
            _ => RefuseAsync(context, StatusCodes.Status404NotFound),
        };
    }

    private async Task CrlAsync(HttpContext context, string issuer, string shard)
    {
        if (!IsRead(context)) return;
        var found = int.TryParse(shard, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? await crls.RunAsync(issuer, number, context.RequestAborted) : null;
        if (found is null)
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound);
            return;
        }

        context.Response.Headers.LastModified = found.ThisUpdate.ToString("R", CultureInfo.InvariantCulture);
        context.Response.Headers.Expires = found.NextUpdate.ToString("R", CultureInfo.InvariantCulture);
        await FileAsync(context, "application/pkix-crl", $"\"{found.Number.ToString(CultureInfo.InvariantCulture)}\"", ListMaxAge, found.Der);
    }

    private async Task IssuerAsync(HttpContext context, string issuer)
    {
        if (!IsRead(context)) return;
        if (authorities.Current.Find(issuer) is not { } found) await RefuseAsync(context, StatusCodes.Status404NotFound);
        else await FileAsync(context, "application/pkix-cert", $"\"{issuer}\"", IssuerMaxAge, found.Certificate.RawData);
    }

    private async Task OcspAsync(HttpContext context)
    {
        var isPost = HttpMethods.IsPost(context.Request.Method);
        if (!isPost && !IsRead(context, "GET, HEAD, POST")) return;
        if (isPost && context.Request.ContentType?.Split(';')[0].Trim() != "application/ocsp-request")
        {
            await RefuseAsync(context, StatusCodes.Status415UnsupportedMediaType);
            return;
        }

        using var lease = _questions.AttemptAcquire();
        if (!lease.IsAcquired)
        {
            metrics.CountOcsp("busy");
            context.Response.Headers.RetryAfter = "1";
            await RefuseAsync(context, StatusCodes.Status503ServiceUnavailable);
            return;
        }

        var question = isPost ? await BodyAsync(context) : InPath(context);
        var reply = question is null ? new OcspReply(OcspAnswer.Encode(OcspProblem.MalformedRequest)) : await ocsp.RunAsync(question, context.RequestAborted);
        await ReplyAsync(context, reply, isPost);
    }

    /// <summary>Null for more than a question may be long; the rest of it is not read.</summary>
    private static async Task<byte[]?> BodyAsync(HttpContext context)
    {
        if (context.Request.ContentLength > OcspRequest.MaxLength) return null;
        var buffer = new byte[OcspRequest.MaxLength + 1];
        var length = await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, context.RequestAborted);
        return length > OcspRequest.MaxLength ? null : buffer[..length];
    }

    /// <summary>RFC 6960 A.1: base64, then the characters that a path cannot hold escaped. Clients differ in which these are, so the target is taken as it came.</summary>
    private static byte[]? InPath(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!target.StartsWith(OcspPath, StringComparison.Ordinal)) return null;
        var text = Uri.UnescapeDataString(target[OcspPath.Length..]);
        var buffer = new byte[(text.Length / 4 * 3) + 3];
        return Convert.TryFromBase64String(text, buffer, out var length) ? buffer[..length] : null;
    }

    private async Task ReplyAsync(HttpContext context, OcspReply reply, bool isPost)
    {
        // RFC 5019 6.2: whatever says the same to everybody may be kept until it says otherwise.
        if (reply.CacheUntil is { } until && !isPost)
        {
            var now = clock.GetUtcNow();
            context.Response.Headers.LastModified = now.ToString("R", CultureInfo.InvariantCulture);
            context.Response.Headers.Expires = until.ToString("R", CultureInfo.InvariantCulture);
            var etag = $"\"{Pki.Fingerprint.Sha256(reply.Der)[..32]}\"";
            await FileAsync(context, "application/ocsp-response", etag, until - now, reply.Der);
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = "application/ocsp-response";
        await WriteAsync(context, reply.Der);
    }

    private static async Task FileAsync(HttpContext context, string type, string etag, TimeSpan maxAge, byte[] content)
    {
        context.Response.Headers.ETag = etag;
        context.Response.Headers.CacheControl = $"public, max-age={(int)maxAge.TotalSeconds}, no-transform, must-revalidate";
        if (context.Request.Headers.IfNoneMatch.ToString().Split(',', StringSplitOptions.TrimEntries).Contains(etag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = type;
        await WriteAsync(context, content);
    }

    private static async Task WriteAsync(HttpContext context, byte[] content)
    {
        context.Response.ContentLength = content.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.Body.WriteAsync(content, context.RequestAborted);
    }

    private static bool IsRead(HttpContext context, string allowed = Get)
    {
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)) return true;
        context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        context.Response.Headers.Allow = allowed;
        context.Response.ContentLength = 0;
        return false;
    }

    private static Task RefuseAsync(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        context.Response.ContentLength = 0;
        return Task.CompletedTask;
    }
}
