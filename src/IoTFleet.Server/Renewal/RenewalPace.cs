using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;

namespace IoTFleet.Server.Renewal;

/// <summary>Tells the renewals' turns what the fleet needs, as it grows.</summary>
internal sealed class RenewalPace(ForecastExpiry forecast, RenewalTurns turns, TimeProvider clock, ILogger<RenewalPace> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var timer = new PeriodicTimer(Every, clock);
        do
        {
            try
            {
                if (await forecast.RunAsync(Actor.System, stoppingToken) is ForecastExpiryResult.Forecast now) turns.Expect(now.Value.RenewalsPerSecond);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                logger.RenewalPaceUnknown(error);      // the pace stays as it is
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
