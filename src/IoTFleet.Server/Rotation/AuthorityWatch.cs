using IoTFleet.Fleet.Authorities;

namespace IoTFleet.Server.Rotation;

/// <summary>Looks every second whether another node has changed an authority, a manufacturer or the trust bundle, so that a rotation is in force on all nodes soon after it is on one.</summary>
internal sealed class AuthorityWatch(AuthorityDirectory authorities, TimeProvider clock, ILogger<AuthorityWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private bool _unread;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Poll, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await LookAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (await authorities.CatchUpAsync(stoppingToken)) logger.AuthoritiesReadAgain();
            _unread = false;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // The database may be away; what is known stays in force, and it is said once.
            if (!_unread) logger.AuthoritiesUnread(error, Poll.TotalSeconds);
            _unread = true;
        }
    }
}
