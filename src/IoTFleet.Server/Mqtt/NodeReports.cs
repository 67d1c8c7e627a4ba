using IoTFleet.Api;
using IoTFleet.Fleet.Certificates;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// Writes down how far this node has come, and finds out how far the others have. On a node that is alone a revocation costs no write:
/// nobody reads it but the node itself.
/// </summary>
internal sealed class NodeReports(ReportNode report, RevocationWatch watch, TimeProvider clock, ILogger<NodeReports> logger) : BackgroundService
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(5);

    /// <summary>To be called right after the commit: puts it into force here, and waits, at most five seconds, until every other node has said the same.</summary>
    public async Task<Effective> WaitAsync(CancellationToken cancellationToken)
    {
        var began = clock.GetTimestamp();
        await watch.CatchUpAsync(cancellationToken);
        var sequence = watch.Applied;
        var slowest = clock.GetElapsedTime(began);
        var others = await report.OthersAsync(cancellationToken);
        var late = Late(others, sequence);
        while (late.Count > 0 && clock.GetElapsedTime(began) < MaxWait)
        {
            await Task.Delay(LookAgain, clock, cancellationToken);
            others = await report.OthersAsync(cancellationToken);
            late = Late(others, sequence);
            slowest = clock.GetElapsedTime(began);
        }

        return new Effective
        {
            Sequence = sequence,
            Nodes = 1 + others.Count - late.Count,
            Of = 1 + others.Count,
            SlowestMs = Math.Round(slowest.TotalMilliseconds, 1),
            Unacknowledged = [.. late],
        };
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var (written, writtenAt) = (-1L, 0L);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var applied = watch.WhenAppliedAsync();     // before looking, so that what is applied meanwhile ends the wait at once
                var alone = (await report.OthersAsync(stoppingToken)).Count == 0;
                if (written < 0 || clock.GetElapsedTime(writtenAt) >= Heartbeat || (!alone && watch.Applied != written))
                {
                    written = watch.Applied;
                    await report.RunAsync(written, stoppingToken);
                    writtenAt = clock.GetTimestamp();
                }

                await applied.WaitAsync(Heartbeat, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception error)
            {
                // The database may be away for a while; the others see that this node does not answer, which is true.
                logger.NodeNotReported(Heartbeat.TotalSeconds, error.Message);
                await Task.Delay(Heartbeat, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await report.LeaveAsync(cancellationToken);
        }
        catch (Exception error)
        {
            logger.NodeNotReported(0, error.Message);       // it is named as not answering for a day
        }
    }

    private static List<string> Late(IReadOnlyList<NodeStatus> others, long sequence) => [.. others.Where(node => node.Sequence < sequence).Select(node => node.Node)];
}
