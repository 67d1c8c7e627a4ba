using IoTFleet.Fleet.Devices;

namespace IoTFleet.Server.Rotation;

/// <summary>Writes down every few seconds which devices were here, and a last time when the server stops.</summary>
internal sealed class SightingsWriter(DeviceSightings sightings, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await sightings.WriteAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The last ones are written by StopAsync.
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await sightings.WriteAsync(cancellationToken);
    }
}
