using IoTFleet.Fleet.Status;
using IoTFleet.Server.Mqtt;

namespace IoTFleet.Server.Status;

/// <summary>
/// When revocation lists are made anew: a few seconds after a revocation those that it changed, all of them each hour. On the pool and in the background;
/// nothing of ours waits for it or looks at what it makes.
/// </summary>
internal sealed class CrlSchedule(PublishCrl publish, RevocationWatch watch, TimeProvider clock, ILogger<CrlSchedule> logger) : BackgroundService
{
    /// <summary>Gathers what is revoked in a row; the list has to be out 5 s after the first of them.</summary>
    private static readonly TimeSpan Gather = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? allAt = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var applied = watch.WhenAppliedAsync();     // before reading, so that what is revoked meanwhile ends the wait at once
                var all = allAt is null || clock.GetElapsedTime(allAt.Value) >= PublishCrl.Interval;
                await publish.RunAsync(all, stoppingToken);
                if (all) allAt = clock.GetTimestamp();
                await TellLateAsync(stoppingToken);
                var rest = PublishCrl.Interval - clock.GetElapsedTime(allAt!.Value);
                await applied.WaitAsync(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await Task.Delay(Gather, clock, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                // Lists are good for a day, and nobody of ours needs them: there is time to try again.
                logger.CrlsNotPublished(error, TryAgain.TotalSeconds);
                await Task.Delay(TryAgain, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task TellLateAsync(CancellationToken cancellationToken)
    {
        var late = await publish.LateAsync(cancellationToken);
        if (late.Count > 0) logger.CrlsLate(late.Count, late.Min(list => list.NextUpdate));
    }
}
