using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Server.Security;

namespace IoTFleet.Server.Est;

/// <summary>RFC 7030 4.2.2: the next certificate, by the present one. What it is worth is judged by <see cref="RenewCertificate"/>, also after its end.</summary>
internal static class EstReenrol
{
    private static readonly EnrolDeviceResult.Refused CertificateRequired =
        new(EnrolRefusalKind.Unauthorized, "certificate-required", "Connect with the device's own certificate.");

    public static async Task<IResult> RunAsync(EnrolmentDesk desk, RenewCertificate renew, HttpContext context, CancellationToken cancellationToken)
    {
        if (PeerVerdict.Of(context) is not { Kind: PeerKind.Device, Identity: { } deviceId } peer) return EstAnswers.Refused(context, desk.Refuse(context, CertificateRequired));
        var (request, refused) = await EstApi.ReadAsync(desk, context, cancellationToken);
        if (request is null) return EstAnswers.Refused(context, refused!);
        if (EnrolmentDesk.FindBindingFault(context, request.ChallengePassword) is { } unbound) return EstAnswers.Refused(context, desk.Refuse(context, unbound, deviceId));
        return await renew.RunAsync(new RenewCertificateRequest(deviceId, peer.Serial, request, PeerAddress.Of(context)), cancellationToken) switch
        {
            RenewCertificateResult.Renewed renewed => EstAnswers.Certificates(context, [renewed.Certificate.Der]),
            RenewCertificateResult.Refused no => EstAnswers.Refused(context, desk.Refuse(context, new EnrolDeviceResult.Refused(no.Kind, no.Code, no.Detail) { RetryAfter = no.RetryAfter }, deviceId)),
            var other => throw new InvalidOperationException($"Unknown answer {other}."),
        };
    }
}
