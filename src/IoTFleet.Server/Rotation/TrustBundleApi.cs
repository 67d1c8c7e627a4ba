using System.Globalization;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Server.Security;
using Microsoft.Net.Http.Headers;

namespace IoTFleet.Server.Rotation;

/// <summary>The newest trust bundle, for everybody: it is signed, and a device whose certificate has ended needs it most.</summary>
internal static class TrustBundleApi
{
    public static void MapTrustBundle(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/.well-known/iotfleet/v1/trust-bundle", Get).AllowRefusedPeers();

    private static IResult Get(AuthorityDirectory authorities, HttpContext context)
    {
        if (authorities.Current.Bundle is not { } bundle) return TypedResults.NotFound();
        var version = bundle.Version.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers[HeldBundle.Header] = version;
        context.Response.Headers.CacheControl = "no-cache";     // ask again, by the tag: 304 while nothing has changed
        return TypedResults.Bytes(bundle.Document, "application/json", entityTag: new EntityTagHeaderValue($"\"{version}\""));
    }
}
