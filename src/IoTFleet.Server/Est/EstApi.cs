using System.Buffers;
using System.Text;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Pki;
using IoTFleet.Server.Security;

namespace IoTFleet.Server.Est;

/// <summary>
/// Enrolment over Secure Transport (RFC 7030 with RFC 8951 and RFC 9908): what a device needs to get a certificate. An address may name an enrolment group as its label (3.2.2).
/// </summary>
internal static class EstApi
{
    private const string RequestType = "application/pkcs10";
    private static readonly TimeSpan BodyTimeout = TimeSpan.FromSeconds(10);

    public static void MapEst(this IEndpointRouteBuilder endpoints)
    {
        MapOperations(endpoints.MapGroup("/.well-known/est"));
        MapOperations(endpoints.MapGroup("/.well-known/est/{label}"));
    }

    private static void MapOperations(RouteGroupBuilder est)
    {
        est.MapGet("/cacerts", CaCertsAsync);
        est.MapGet("/csrattrs", CsrAttrsAsync);
        est.MapPost("/simpleenroll", SimpleEnrollAsync);
        est.MapPost("/simplereenroll", EstReenrol.RunAsync).AllowRefusedPeers(); // Whether one that has ended may still renew is its group's to say.
        est.MapPost("/serverkeygen", ServerKeyGenAsync);
        est.MapPost("/fullcmc", () => EstAnswers.Text(StatusCodes.Status501NotImplemented, "Full CMC is not offered; use simpleenroll.")); // RFC 7030 4.3 is optional
    }

    /// <summary>RFC 7030 4.1. For anybody: a device checks the root against the fingerprint it was given.</summary>
    private static async Task<IResult> CaCertsAsync(AuthorityDirectory authorities, DescribeGroup groups, HttpContext context, CancellationToken cancellationToken, string? label = null)
    {
        if (await groups.RunAsync(label, cancellationToken) is null) return EstAnswers.Refused(context, EnrolRefusal.GroupUnknown);
        return EstAnswers.Certificates(context, [.. authorities.Current.ForDevices().Select(certificate => certificate.RawDataMemory), .. authorities.Current.CrossSigned]);
    }

    /// <summary>RFC 7030 4.5.</summary>
    private static async Task<IResult> CsrAttrsAsync(DescribeGroup groups, HttpContext context, CancellationToken cancellationToken, string? label = null)
    {
        if (await groups.RunAsync(label, cancellationToken) is not { } group) return EstAnswers.Refused(context, EnrolRefusal.GroupUnknown);
        return EstAnswers.Base64(context, CsrAttributes.Encode(group.RequireChannelBinding), "application/csrattrs");
    }

    /// <summary>RFC 7030 4.2. Who asks is told by HTTP Basic (3.2.3), the challenge password, or the certificate of the connection.</summary>
    private static async Task<IResult> SimpleEnrollAsync(EnrolmentDesk door, HttpContext context, CancellationToken cancellationToken, string? label = null)
    {
        var (request, refused) = await ReadAsync(door, context, cancellationToken);
        if (request is null) return EstAnswers.Refused(context, refused!);
        return EstAnswers.Of(context, await door.EnrolAsync(context, AttemptOf(context, label, request), cancellationToken));
    }

    /// <summary>RFC 7030 4.4. For devices that cannot make a key; off unless the group allows it.</summary>
    private static async Task<IResult> ServerKeyGenAsync(EnrolmentDesk door, HttpContext context, CancellationToken cancellationToken, string? label = null)
    {
        var (request, refused) = await ReadAsync(door, context, cancellationToken);
        if (request is null) return EstAnswers.Refused(context, refused!);
        if (ServerMadeKey.FindFault(request) is { } fault) return EstAnswers.Refused(context, door.Refuse(context, fault));
        using var key = ServerMadeKey.For(request);
        var attempt = AttemptOf(context, label, key.Request) with { ChallengePassword = request.ChallengePassword ?? "", KeyByServer = true };
        var result = await door.EnrolAsync(context, attempt, cancellationToken);
        return result is EnrolDeviceResult.Issued issued ? await key.SendAsync(context, issued.CertificateDer, cancellationToken) : EstAnswers.Of(context, result);
    }

    private static EnrolmentAttempt AttemptOf(HttpContext context, string? label, SigningRequest request)
    {
        var (user, password) = ReadBasic(context.Request);
        return new EnrolmentAttempt(label, request) { DeviceId = string.IsNullOrEmpty(user) ? null : user, Token = password };
    }

    internal static async Task<(SigningRequest? Request, EnrolDeviceResult.Refused? Refused)> ReadAsync(EnrolmentDesk door, HttpContext context, CancellationToken cancellationToken)
    {
        if (door.MayAsk(context) is { } tooMany) return (null, tooMany);
        if (!IsRequestType(context.Request.ContentType)) return Refuse(EnrolmentDesk.WrongType with { Detail = $"The content type must be {RequestType}." });
        if (await ReadBodyAsync(context, cancellationToken) is not { } body)
            return Refuse(new(EnrolRefusalKind.TooLarge, "request-too-large", $"The request must not be larger than {EstFormat.MaxBody} bytes."));
        if (!EstFormat.TryReadRequest(body, out var der, out var problem)) return Refuse(new(EnrolRefusalKind.BadRequest, "request-unreadable", problem));
        return door.TryRead(der, out var request, out var refused) ? (request, null) : Refuse(refused);

        (SigningRequest?, EnrolDeviceResult.Refused?) Refuse(EnrolDeviceResult.Refused refused) => (null, door.Refuse(context, refused));
    }

    private static bool IsRequestType(string? contentType) =>
        contentType is not null && contentType.Split(';')[0].Trim().Equals(RequestType, StringComparison.OrdinalIgnoreCase);

    /// <summary>RFC 7617; what is no Basic header is none.</summary>
    private static (string? User, string? Password) ReadBasic(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return default;
        var bytes = new byte[header.Length];
        if (!Convert.TryFromBase64String(header["Basic ".Length..].Trim(), bytes, out var length)) return default;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? default : (text[..colon], text[(colon + 1)..]);
    }

    /// <returns>Null when it is too large. One that does not come in time ends the request.</returns>
    internal static async Task<byte[]?> ReadBodyAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (context.Request.ContentLength > EstFormat.MaxBody) return null;
        var body = context.Request.BodyReader;
        using var deadline = new CancellationTokenSource(BodyTimeout, context.RequestServices.GetRequiredService<TimeProvider>());
        await using var late = deadline.Token.Register(body.CancelPendingRead); // A token given to the read would leave it half done, and Kestrel logs that as a fault of ours.
        while (true)
        {
            var read = await body.ReadAsync(cancellationToken);
            var received = read.IsCompleted && read.Buffer.Length <= EstFormat.MaxBody ? read.Buffer.ToArray() : null;
            var isTooLarge = read.Buffer.Length > EstFormat.MaxBody;
            body.AdvanceTo(read.IsCompleted ? read.Buffer.End : read.Buffer.Start, read.Buffer.End);
            if (received is not null) return received;
            if (isTooLarge) return null;
            if (read.IsCanceled) throw new BadHttpRequestException("The body did not come in time.", StatusCodes.Status408RequestTimeout);
        }
    }
}
