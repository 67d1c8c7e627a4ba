using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Server.Renewal;
using IoTFleet.Server.Security;

namespace IoTFleet.Server.Diagnosis;

/// <summary>
/// Why was I turned away? TLS on Linux does not say it, so a device asks here: without showing its certificate in the handshake, which is why it is
/// answered however bad that certificate is, and with a signature by its key, which is why nobody else is.
/// </summary>
internal static class StatusApi
{
    public static void MapStatus(this IEndpointRouteBuilder endpoints)
    {
        foreach (var path in new[] { "/.well-known/iotfleet/v1/status", "/.well-known/est/status" })
        {
            endpoints.MapGet(path, Offer);
            endpoints.MapPost(path, AnswerAsync);
        }
    }

    private static IResult Offer(StatusNonces nonces) => TypedResults.Json(
        new StatusNonce { Nonce = Convert.ToBase64String(nonces.Make()), ExpiresInSeconds = (int)StatusNonces.Life.TotalSeconds }, ApiJson.Default.StatusNonce);

    private static async Task<IResult> AnswerAsync(
        ExplainCertificate explain, StatusNonces nonces, RefusalLog refusals, TimeProvider clock, HttpContext context, CancellationToken cancellationToken)
    {
        var (body, unreadable) = await DeviceJson.ReadAsync(context, ApiJson.Default.StatusRequest);
        if (unreadable is not null) return unreadable;
        if (!DeviceJson.TryBase64(body!.Certificate, out var certificate) || !DeviceJson.TryBase64(body.Nonce, out var nonce) || !DeviceJson.TryBase64(body.Signature, out var signature))
            return DeviceJson.Unreadable("certificate, nonce and signature are base64");
        if (!nonces.IsFresh(nonce)) return Refused("nonce-unknown", "Get a new nonce at this address and ask again.");

        return await explain.RunAsync(new ExplainCertificateRequest(certificate, nonce, signature), cancellationToken) switch
        {
            ExplainCertificateResult.Explained explained => TypedResults.Json(Standing(explained, clock), ApiJson.Default.CertificateStanding),
            _ => Refused("proof-invalid", "Sign 'IoTFleet status v1', a zero byte and the nonce with the certificate's key."),
        };

        IResult Refused(string code, string detail)
        {
            refusals.Record(RefusalDoor.Renewal, code, null, PeerAddress.Of(context), detail, RenewalApi.PeerOf(context));
            return DeviceJson.Problem(StatusCodes.Status403Forbidden, code, detail);
        }
    }

    private static CertificateStanding Standing(ExplainCertificateResult.Explained explained, TimeProvider clock) => new()
    {
        Status = explained.Status,
        WhatToDo = explained.WhatToDo,
        RetryAfterSeconds = explained.RetryAfter is { } wait ? (int)Math.Ceiling(wait.TotalSeconds) : null,
        ServerTime = clock.GetUtcNow(),
    };
}
