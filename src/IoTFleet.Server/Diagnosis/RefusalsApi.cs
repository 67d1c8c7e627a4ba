using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Refusals;
using IoTFleet.Server.Rest;
using static IoTFleet.Server.Security.OperatorAuth;
using Refusal = IoTFleet.Broker.Refusal;

namespace IoTFleet.Server.Diagnosis;

/// <summary>The operator's side of every refusal: who, where, why, with the facts of the certificate that was shown. In memory, so it is there at once.</summary>
internal static class RefusalsApi
{
    private const int MostAtOnce = 200;

    public static void MapRefusals(this IEndpointRouteBuilder api) => api.MapGet("/refusals", List);

    public static Api.Refusal Shown(Refusal refusal) => new()
    {
        Id = refusal.Id,
        At = refusal.At,
        Door = refusal.Door.ToString().ToLowerInvariant(),
        Reason = refusal.Reason,
        ClientId = refusal.ClientId,
        Address = refusal.Address ?? "-",
        Detail = refusal.Detail,
        Subject = refusal.Peer?.Subject,
        Serial = refusal.Peer?.Serial,
        Issuer = refusal.Peer?.Issuer,
        Tls = refusal.Peer?.Tls,
        WhatToDo = ReasonCodes.Find(refusal.Reason)?.WhatToDo,
    };

    private static IResult List(RefusalLog refusals, BrokerMetrics metrics, HttpContext context, string? device = null, string? reason = null, long? after = null)
    {
        if (!ActorOf(context).May(Permission.ReadFleet)) return Problems.Forbidden("see refusals");
        var recent = refusals.Recent();
        var chosen = recent.Where(refusal =>
            (device is null || refusal.ClientId == device) && (reason is null || refusal.Reason == reason) && (after is null || refusal.Id > after)).Take(MostAtOnce);
        return TypedResults.Json(
            new RefusalList
            {
                Items = [.. chosen.Select(Shown)],
                Counts = [.. metrics.RefusalsByReason().OrderByDescending(count => count.Value).Select(count => new RefusalCount { Reason = count.Key, Count = count.Value })],
                LastId = recent.Count == 0 ? 0 : recent[0].Id,
            },
            ApiJson.Default.RefusalList);
    }
}
