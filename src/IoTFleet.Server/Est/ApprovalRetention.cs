using IoTFleet.Fleet;
using IoTFleet.Fleet.Enrolment.Approvals;

namespace IoTFleet.Server.Est;

/// <summary>Lets go of requests for approval that nobody comes back for; their decisions stay in the audit.</summary>
internal sealed class ApprovalRetention(ForgetPending forget, EnrolmentOptions options, TimeProvider clock, ILogger<ApprovalRetention> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var timer = new PeriodicTimer(Every, clock);
        do
        {
            try
            {
                await forget.RunAsync(Actor.System, new ForgetPendingRequest(TimeSpan.FromDays(options.KeepApprovalsDays)), stoppingToken);
            }
            catch (FleetStoppingException)
            {
                return;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                logger.ApprovalsNotForgotten(error);       // an hour later they are a little older
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
