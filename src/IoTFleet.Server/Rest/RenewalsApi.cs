using IoTFleet.Api;
using IoTFleet.Fleet.Certificates;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

/// <summary>The operator's side of renewal: what will end when, and asking devices to renew before their time.</summary>
internal static class RenewalsApi
{
    public static void MapRenewals(this IEndpointRouteBuilder api)
    {
        api.MapGet("/certificates/forecast", ForecastAsync);
        api.MapPost("/certificates/renewals", RequestAsync);
    }

    private static async Task<IResult> ForecastAsync(ForecastExpiry forecast, HttpContext context, CancellationToken cancellationToken) =>
        await forecast.RunAsync(ActorOf(context), cancellationToken) is ForecastExpiryResult.Forecast found
            ? TypedResults.Json(Shown(found.Value), ApiJson.Default.CertificateForecast)
            : Problems.Forbidden("see certificates");

    private static async Task<IResult> RequestAsync(RequestRenewalsRequest request, RequestRenewal ask, HttpContext context, CancellationToken cancellationToken) =>
        await ask.RunAsync(ActorOf(context), new RequestRenewalRequest(request.DeviceId, request.GroupId), cancellationToken) is RequestRenewalResult.Requested requested
            ? TypedResults.Json(new RenewalsRequested { Devices = requested.Devices, OverSeconds = (int)requested.Over.TotalSeconds }, ApiJson.Default.RenewalsRequested)
            : Problems.Forbidden("ask devices to renew");

    private static CertificateForecast Shown(ExpiryForecast forecast) => new()
    {
        At = forecast.At,
        Devices = forecast.Devices,
        EndingPerHour = forecast.EndingPerHour,
        EndingLater = forecast.EndingLater,
        FirstDiesAt = forecast.FirstDies?.At,
        FirstToDie = forecast.FirstDies?.DeviceId,
        OnePercentDeadAt = forecast.OnePercentDead,
        Missed = [.. forecast.Missed.Select(missed => new MissedRenewal { Renewals = missed.Renewals, Devices = missed.Devices, Examples = missed.Examples })],
        RenewalsPerSecond = forecast.RenewalsPerSecond,
    };
}
