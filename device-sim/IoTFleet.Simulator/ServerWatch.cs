using IoTFleet.Api;

namespace IoTFleet.Simulator;

/// <summary>Asks the server once a second how it is, and counts what it did since the watch began, over restarts too.</summary>
internal sealed class ServerWatch(FleetClient fleet, TimeProvider clock)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private long _storedBefore; // by server processes that are gone, less what was there when the watch began
    private long _refusedBefore;
    private Overview? _last;

    /// <summary>The last answer; null when the last question had none.</summary>
    public Overview? Now { get; private set; }

    public long Stored => _storedBefore + (_last?.MessagesStored ?? 0);

    public long Refused => _refusedBefore + RefusedBy(_last);

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await LookAsync(stop);
                await Task.Delay(Every, clock, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { } // how the watch ends
    }

    public async Task LookAsync(CancellationToken cancellationToken)
    {
        try { Take(await fleet.GetOverviewAsync(cancellationToken)); }
        catch (Exception e) when (e is ServerUnreachableException or ApiProblemException) { Now = null; } // shown as away
    }

    private void Take(Overview overview)
    {
        if (_last is null) // what it counted before the watch began is not this run's
        {
            _storedBefore = -overview.MessagesStored;
            _refusedBefore = -RefusedBy(overview);
        }
        else if (overview.StartedAt != _last.StartedAt)
        {
            _storedBefore += _last.MessagesStored;
            _refusedBefore += RefusedBy(_last);
        }
        Now = _last = overview;
    }

    private static long RefusedBy(Overview? overview) => overview is null ? 0 : overview.MessagesRefused + overview.ConnectionsRefused;
}
