using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

internal static class OverviewApi
{
    public static void MapOverview(this IEndpointRouteBuilder api) => api.MapGet("/overview", GetAsync);

    private static async Task<IResult> GetAsync(OverviewReport report, HttpContext context, CancellationToken cancellationToken) =>
        await report.MakeAsync(ActorOf(context), cancellationToken) is { } overview ? TypedResults.Ok(overview) : Problems.Forbidden("see the fleet");
}
