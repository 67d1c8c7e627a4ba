using IoTFleet.Broker;
using IoTFleet.Server.Rest;

namespace IoTFleet.Server.Security;

/// <summary>Marks an endpoint that peers with an expired or not yet valid certificate may reach: it has to look at <see cref="PeerVerdict.Refusal"/> itself.</summary>
internal sealed class OpenToRefused
{
    public static OpenToRefused Metadata { get; } = new();
}

/// <summary>
/// Stands before every HTTP endpoint. A peer that the handshake let through with a refusal gets no further than to endpoints that say they take it;
/// one whose certificate is good for enrolment only gets no further than the addresses of enrolment.
/// </summary>
internal static class PeerGate
{
    public static TBuilder AllowRefusedPeers<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(OpenToRefused.Metadata);

    public static void UsePeerGate(this WebApplication app) => app.Use(async (context, next) =>
    {
        if (FindRefusal(context) is not { } refusal)
        {
            await next(context);
            return;
        }

        var verdict = PeerVerdict.Of(context);
        context.RequestServices.GetRequiredService<RefusalLog>().Record(RefusalDoor.Connect, refusal.Code, verdict.DisplayName, PeerAddress.Of(context), refusal.Detail);
        await Problems.Of(StatusCodes.Status403Forbidden, refusal.Code, "Not with this certificate", refusal.Detail).ExecuteAsync(context);
    });

    private static PeerRefusal? FindRefusal(HttpContext context)
    {
        var verdict = PeerVerdict.Of(context);
        // A certificate that nobody judged, as on a runtime that resumes sessions without asking us.
        if (verdict.Kind == PeerKind.None) return context.Connection.ClientCertificate is null ? null : new PeerRefusal("no-certificate", "The client's certificate was not judged; connect anew.");
        if (verdict.Refusal is { } refusal && context.GetEndpoint()?.Metadata.GetMetadata<OpenToRefused>() is null) return refusal;
        return verdict.Kind is PeerKind.Claim or PeerKind.Manufacturer && !context.Request.Path.StartsWithSegments("/.well-known")
            ? new PeerRefusal("issuer-purpose", "The certificate is good for enrolment and nothing else.")
            : null;
    }
}
