using System.Net;
using System.Text;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;

namespace IoTFleet.Server.Est;

/// <summary>Enrolment over Secure Transport (RFC 7030 with RFC 8951): what a device needs before it has a certificate.</summary>
internal static class EstApi
{
    private const string RequestType = "application/pkcs10";
    private const string CertificatesType = "application/pkcs7-mime; smime-type=certs-only";

    public static void MapEst(this IEndpointRouteBuilder endpoints)
    {
        var est = endpoints.MapGroup("/.well-known/est");
        est.MapGet("/cacerts", CaCerts);
        est.MapPost("/simpleenroll", SimpleEnrollAsync);
    }

    /// <summary>RFC 7030 4.1. For anybody: a device checks the root against the fingerprint it was given.</summary>
    private static IResult CaCerts(AuthorityDirectory authorities, HttpContext context) =>
        Certificates(context, CertsOnlyMessage.Encode([.. authorities.Current.ForDevices()]));

    /// <summary>RFC 7030 4.2. The token is the password of HTTP Basic (3.2.3), the device id the user.</summary>
    private static async Task<IResult> SimpleEnrollAsync(EnrolDevice enrol, RefusalLog refusals, HttpContext context, CancellationToken cancellationToken)
    {
        var address = context.Connection.RemoteIpAddress is { } peer ? ClientIdentity.AddressOf(new IPEndPoint(peer, context.Connection.RemotePort)) : null;
        if (!TryReadBasic(context.Request, out var deviceId, out var token))
        {
            return Challenge("Send the device id and its enrolment token as HTTP Basic user and password.");
        }

        if (!IsRequestType(context.Request.ContentType)) return Refused(StatusCodes.Status415UnsupportedMediaType, "content-type", $"The content type must be {RequestType}.");
        if (await ReadBodyAsync(context.Request, cancellationToken) is not { } body) return Refused(StatusCodes.Status413PayloadTooLarge, "request-too-large", $"The request must not be larger than {EstFormat.MaxBody} bytes.");
        if (!EstFormat.TryReadRequest(body, out var der, out var problem)) return Refused(StatusCodes.Status400BadRequest, "request-unreadable", problem);
        if (!SigningRequest.TryParse(der, out var request, out problem)) return Refused(StatusCodes.Status400BadRequest, "request-not-acceptable", problem);

        return await enrol.RunAsync(new EnrolDeviceRequest(token, deviceId, request, address), cancellationToken) switch
        {
            EnrolDeviceResult.Issued issued => Certificates(context, CertsOnlyMessage.Encode([issued.CertificateDer])),     // only the one that was issued (RFC 7030 4.2.3)
            EnrolDeviceResult.Refused refused => Refused(StatusOf(refused.Kind), refused.Code, refused.Detail),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };

        IResult Refused(int status, string code, string detail)
        {
            refusals.Record(RefusalDoor.Enrolment, code, DeviceName.IsValid(deviceId) ? deviceId : null, address, detail);
            return status == StatusCodes.Status401Unauthorized ? Challenge($"{detail} ({code})") : Text(status, $"{detail} ({code})");
        }

        IResult Challenge(string text)
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"enrolment\", charset=\"UTF-8\"";      // RFC 9110 15.5.2
            return Text(StatusCodes.Status401Unauthorized, text);
        }
    }

    private static int StatusOf(EnrolRefusalKind kind) => kind switch
    {
        EnrolRefusalKind.Unauthorized => StatusCodes.Status401Unauthorized,
        EnrolRefusalKind.Forbidden => StatusCodes.Status403Forbidden,
        EnrolRefusalKind.Conflict => StatusCodes.Status409Conflict,
        _ => StatusCodes.Status400BadRequest,
    };

    private static IResult Certificates(HttpContext context, ReadOnlySpan<byte> message)
    {
        context.Response.Headers["Content-Transfer-Encoding"] = "base64";      // RFC 8951 drops it; clients of RFC 7030 look for it
        return TypedResults.Bytes(Encoding.ASCII.GetBytes(EstFormat.WriteCertificates(message)), CertificatesType);
    }

    private static IResult Text(int status, string text) => TypedResults.Text(text + "\n", "text/plain", Encoding.UTF8, status);

    private static bool IsRequestType(string? contentType) =>
        contentType is not null && contentType.Split(';')[0].Trim().Equals(RequestType, StringComparison.OrdinalIgnoreCase);

    private static bool TryReadBasic(HttpRequest request, out string user, out string password)
    {
        (user, password) = ("", "");
        var header = request.Headers.Authorization.ToString();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return false;
        var bytes = new byte[header.Length];
        if (!Convert.TryFromBase64String(header["Basic ".Length..].Trim(), bytes, out var length)) return false;
        var text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return false;
        (user, password) = (text[..colon], text[(colon + 1)..]);
        return true;
    }

    private static async Task<byte[]?> ReadBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > EstFormat.MaxBody) return null;
        using var body = new MemoryStream();
        var buffer = new byte[4096];
        int read;
        while ((read = await request.Body.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (body.Length + read > EstFormat.MaxBody) return null;
            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }
}
