using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;

namespace IoTFleet.Server.Est;

/// <summary>What EST answers, in the form the client asked for.</summary>
internal static class EstAnswers
{
    private const string CertificatesType = "application/pkcs7-mime; smime-type=certs-only";
    private const string PemType = "application/pem-certificate-chain";
    private const string DerType = "application/pkix-cert";

    /// <summary>RFC 7030 4.1.3 and 4.2.3, in lines and with a length, since clients in the field read nothing else. PEM and DER for those that have no CMS.</summary>
    public static IResult Certificates(HttpContext context, IReadOnlyList<ReadOnlyMemory<byte>> certificates)
    {
        var accept = context.Request.Headers.Accept.ToString();
        if (accept.Contains(PemType, StringComparison.OrdinalIgnoreCase) || accept.Contains("application/x-pem-file", StringComparison.OrdinalIgnoreCase))
            return TypedResults.Bytes(Encoding.ASCII.GetBytes(string.Concat(certificates.Select(der => Pem(der.Span)))), PemType);
        if (certificates.Count == 1 && accept.Contains(DerType, StringComparison.OrdinalIgnoreCase)) return TypedResults.Bytes(certificates[0], DerType);
        return Base64(context, CertsOnlyMessage.Encode(certificates), CertificatesType);
    }

    public static IResult Base64(HttpContext context, ReadOnlySpan<byte> der, string type)
    {
        context.Response.Headers["Content-Transfer-Encoding"] = "base64"; // RFC 8951 drops it; clients of RFC 7030 look for it
        return TypedResults.Bytes(Encoding.ASCII.GetBytes(EstFormat.WriteCertificates(der)), type);
    }

    public static IResult Of(HttpContext context, EnrolDeviceResult result) => result switch
    {
        EnrolDeviceResult.Issued issued => Certificates(context, [issued.CertificateDer]), // only the one that was issued (RFC 7030 4.2.3)
        EnrolDeviceResult.Pending pending => Later(context, StatusCodes.Status202Accepted, pending.RetryAfter, "The request waits for an operator's approval; send it again later."),
        EnrolDeviceResult.Refused refused => Refused(context, refused),
        _ => throw new InvalidOperationException($"Unknown answer {result}."),
    };

    public static IResult Refused(HttpContext context, EnrolDeviceResult.Refused refused)
    {
        var (status, text) = (StatusOf(refused.Kind), $"{refused.Detail} ({refused.Code})");
        if (status == StatusCodes.Status401Unauthorized) return Challenge(context, text);
        return refused.RetryAfter is { } wait ? Later(context, status, wait, text) : Text(status, text);
    }

    public static IResult Challenge(HttpContext context, string text)
    {
        context.Response.Headers.WWWAuthenticate = "Basic realm=\"enrolment\", charset=\"UTF-8\""; // RFC 9110 15.5.2
        return Text(StatusCodes.Status401Unauthorized, text);
    }

    public static IResult Text(int status, string text) => TypedResults.Text(text + "\n", "text/plain", Encoding.UTF8, status);

    public static int StatusOf(EnrolRefusalKind kind) => kind switch
    {
        EnrolRefusalKind.Unauthorized => StatusCodes.Status401Unauthorized,
        EnrolRefusalKind.Forbidden => StatusCodes.Status403Forbidden,
        EnrolRefusalKind.NotFound => StatusCodes.Status404NotFound,
        EnrolRefusalKind.Conflict => StatusCodes.Status409Conflict,
        EnrolRefusalKind.TooMany => StatusCodes.Status429TooManyRequests,
        EnrolRefusalKind.TryLater => StatusCodes.Status503ServiceUnavailable,
        EnrolRefusalKind.WrongType => StatusCodes.Status415UnsupportedMediaType,
        EnrolRefusalKind.TooLarge => StatusCodes.Status413PayloadTooLarge,
        _ => StatusCodes.Status400BadRequest,
    };

    /// <summary>In whole seconds, at least one. RFC 9110 10.2.3</summary>
    public static void SayWhen(HttpContext context, TimeSpan wait) =>
        context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    private static IResult Later(HttpContext context, int status, TimeSpan wait, string text)
    {
        SayWhen(context, wait);
        return Text(status, text);
    }

    private static string Pem(ReadOnlySpan<byte> der) => PemEncoding.WriteString("CERTIFICATE", der) + "\n";
}
