using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Server.Est;
using IoTFleet.Server.Rotation;
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

    private static async Task<IResult> RenewAsync(
        RenewCertificate renew, EnrolmentDesk desk, EnrolmentAnswer answer, RefusalLog refusals, DeviceSightings sightings, HttpContext context, CancellationToken cancellationToken)
    {
        var peer = PeerVerdict.Of(context);
        if (peer is not { Kind: PeerKind.Device, Identity: { } deviceId }) return Refused(StatusCodes.Status401Unauthorized, "certificate-required", "Connect with the device's own certificate.", null);
        var (body, unreadable) = await DeviceJson.ReadAsync(context, ApiJson.Default.RenewCertificateRequest);
        if (unreadable is not null) return unreadable;
        if (!DeviceJson.TryBase64(body!.Request, out var der)) return Refused(StatusCodes.Status400BadRequest, "request-unreadable", "The member request is not base64.", null);
        if (!desk.TryRead(der, out var request, out var wrong)) return Refused(EstAnswers.StatusOf(wrong.Kind), wrong.Code, wrong.Detail, null);
        if (EnrolmentDesk.FindBindingFault(context, request.ChallengePassword) is { } unbound) return Refused(EstAnswers.StatusOf(unbound.Kind), unbound.Code, unbound.Detail, null);

        return await renew.RunAsync(new RenewCertificateRequest(deviceId, peer.Serial, request, PeerAddress.Of(context)), cancellationToken) switch
        {
            RenewCertificateResult.Renewed renewed => await TellAsync(renewed),
            RenewCertificateResult.Refused refused => Refused(EstAnswers.StatusOf(refused.Kind), refused.Code, refused.Detail, refused.RetryAfter),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };

        async Task<IResult> TellAsync(RenewCertificateResult.Renewed renewed)
        {
            HeldBundle.Heed(context, deviceId, sightings);
            return TypedResults.Json(await answer.ToAsync(context, renewed, cancellationToken), ApiJson.Default.DeviceEnrolment);
        }

        IResult Refused(int status, string code, string detail, TimeSpan? retryAfter)
        {
            refusals.Record(RefusalDoor.Renewal, code, peer.DisplayName, PeerAddress.Of(context), detail, PeerOf(context));
            if (retryAfter is { } wait) EstAnswers.SayWhen(context, wait);
            return DeviceJson.Problem(status, code, detail);
        }
    }

    private static async Task<IResult> InfoAsync(
        FindRenewalWindow find, AuthorityDirectory authorities, RefusalLog refusals, DeviceSightings sightings, HttpContext context, CancellationToken cancellationToken)
    {
        var peer = PeerVerdict.Of(context);
        if (peer is not { Kind: PeerKind.Device, Identity: { } deviceId }) return Refused(StatusCodes.Status401Unauthorized, "certificate-required", "Connect with the device's own certificate.");
        if (await find.RunAsync(deviceId, peer.Serial, cancellationToken) is not { } window) return Refused(StatusCodes.Status403Forbidden, "certificate-unknown", "The certificate was not issued to this device by this server.");
        if (peer.Refusal is null) HeldBundle.Heed(context, deviceId, sightings);
        var info = Info(window, authorities.Current.BundleVersion);
        context.Response.Headers.RetryAfter = info.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);      // RFC 9773 4.3
        return TypedResults.Json(info, ApiJson.Default.RenewalInfo);

        IResult Refused(int status, string code, string detail)
        {
            refusals.Record(RefusalDoor.Renewal, code, peer.DisplayName, PeerAddress.Of(context), detail, PeerOf(context));
            return DeviceJson.Problem(status, code, detail);
        }
    }

    private static RenewalInfo Info(RenewalWindow window, long bundle) =>
        new() { Start = window.Start, End = window.End, RetryAfterSeconds = (int)Math.Ceiling(window.RetryAfter.TotalSeconds), TrustBundleVersion = bundle };

    /// <summary>The facts of who asks, for the list of refusals.</summary>
    internal static RefusedPeer? PeerOf(HttpContext context) =>
        RefusedPeer.Of(context.Connection.ClientCertificate, context.Features.Get<Microsoft.AspNetCore.Connections.Features.ITlsHandshakeFeature>()?.Protocol);
}
