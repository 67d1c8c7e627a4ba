using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using IoTFleet.Server.Est;
using IoTFleet.Server.Security;
using RenewCertificateRequest = IoTFleet.Fleet.Certificates.RenewCertificateRequest;

namespace IoTFleet.Server.Renewal;

/// <summary>
/// Renewal for devices that speak JSON: <c>renew</c> is EST's simplereenroll (RFC 7030 4.2.2) without its wrappings, <c>renewal-info</c> says when
/// (the idea of RFC 9773). Both by the present certificate; one that has ended comes this far and is judged by its group's days of grace.
/// </summary>
internal static class RenewalApi
{
    public static void MapRenewal(this IEndpointRouteBuilder endpoints)
    {
        var v1 = endpoints.MapGroup("/.well-known/iotfleet/v1");
        v1.MapPost("/renew", RenewAsync).AllowRefusedPeers();
        v1.MapGet("/renewal-info", InfoAsync).AllowRefusedPeers();
    }

    private static async Task<IResult> RenewAsync(RenewCertificate renew, AuthorityDirectory authorities, RefusalLog refusals, HttpContext context, CancellationToken cancellationToken)
    {
        var peer = PeerVerdict.Of(context);
        if (peer is not { Kind: PeerKind.Device, Identity: { } deviceId }) return Refused(StatusCodes.Status401Unauthorized, "certificate-required", "Connect with the device's own certificate.", null);
        var (body, unreadable) = await DeviceJson.ReadAsync(context, ApiJson.Default.RenewCertificateRequest);
        if (unreadable is not null) return unreadable;
        if (!DeviceJson.TryBase64(body!.Request, out var der)) return Refused(StatusCodes.Status400BadRequest, "request-unreadable", "The member request is not base64.", null);
        if (!SigningRequest.TryParse(der, out var request, out var problem)) return Refused(StatusCodes.Status400BadRequest, "request-not-acceptable", problem, null);

        return await renew.RunAsync(new RenewCertificateRequest(deviceId, peer.Serial, request, PeerAddress.Of(context)), cancellationToken) switch
        {
            RenewCertificateResult.Renewed renewed => TypedResults.Json(Answer(renewed, authorities.Current), ApiJson.Default.RenewedCertificate),
            RenewCertificateResult.Refused refused => Refused(EstAnswers.StatusOf(refused.Kind), refused.Code, refused.Detail, refused.RetryAfter),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };

        IResult Refused(int status, string code, string detail, TimeSpan? retryAfter)
        {
            refusals.Record(RefusalDoor.Renewal, code, peer.DisplayName, PeerAddress.Of(context), detail, PeerOf(context));
            if (retryAfter is { } wait) EstAnswers.SayWhen(context, wait);
            return DeviceJson.Problem(status, code, detail);
        }
    }

    private static async Task<IResult> InfoAsync(FindRenewalWindow find, RefusalLog refusals, HttpContext context, CancellationToken cancellationToken)
    {
        var peer = PeerVerdict.Of(context);
        if (peer is not { Kind: PeerKind.Device, Identity: { } deviceId }) return Refused(StatusCodes.Status401Unauthorized, "certificate-required", "Connect with the device's own certificate.");
        if (await find.RunAsync(deviceId, peer.Serial, cancellationToken) is not { } window) return Refused(StatusCodes.Status403Forbidden, "certificate-unknown", "The certificate was not issued to this device by this server.");
        var info = Info(window);
        context.Response.Headers.RetryAfter = info.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);      // RFC 9773 4.3
        return TypedResults.Json(info, ApiJson.Default.RenewalInfo);

        IResult Refused(int status, string code, string detail)
        {
            refusals.Record(RefusalDoor.Renewal, code, peer.DisplayName, PeerAddress.Of(context), detail, PeerOf(context));
            return DeviceJson.Problem(status, code, detail);
        }
    }

    public static RenewalInfo Info(RenewalWindow window) => new() { Start = window.Start, End = window.End, RetryAfterSeconds = (int)Math.Ceiling(window.RetryAfter.TotalSeconds) };

    /// <summary>The facts of who asks, for the list of refusals.</summary>
    internal static RefusedPeer? PeerOf(HttpContext context) =>
        RefusedPeer.Of(context.Connection.ClientCertificate, context.Features.Get<Microsoft.AspNetCore.Connections.Features.ITlsHandshakeFeature>()?.Protocol);

    private static RenewedCertificate Answer(RenewCertificateResult.Renewed renewed, TrustSnapshot trust) => new()
    {
        Certificate = Convert.ToBase64String(renewed.Certificate.Der),
        Chain = trust.Find(renewed.Certificate.IssuerId) is { } issuer ? [Convert.ToBase64String(issuer.Certificate.RawDataMemory.Span)] : [],
        Renewal = Info(renewed.Window),
    };
}
