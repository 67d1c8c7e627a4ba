using IoTFleet.Fleet;
using IoTFleet.Fleet.Commands;

namespace IoTFleet.Server.Commands;

/// <summary>
/// Ends commands at their deadline, forgets those of long ago, and looks what other nodes have done. Sleeps until the next deadline; at rest it looks
/// twice a minute, and every few seconds while somebody waits for an end that another node may see.
/// </summary>
internal sealed class CommandWatch(CommandBook book, CommandEnds ends, WaitingDevices waiting, CommandRedelivery redelivery, TimeProvider clock, ILogger<CommandWatch> logger) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookWhileAwaited = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ForgetEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan Soonest = TimeSpan.FromMilliseconds(10);

    private readonly SemaphoreSlim _sooner = new(0, 1);
    private DateTimeOffset _nextLook;
    private DateTimeOffset _forgetAt;
    private long _sleepsUntil = long.MaxValue;

    /// <summary>A command was stored: wakes the watch if it would sleep beyond its deadline.</summary>
    public void Sent(StoredCommand command)
    {
        waiting.Add(command.DeviceId);
        if (command.Deadline.UtcTicks < Volatile.Read(ref _sleepsUntil)) Wake();
    }

    /// <summary>Somebody waits.</summary>
    public void Awaited()
    {
        if ((clock.GetUtcNow() + LookWhileAwaited).UtcTicks < Volatile.Read(ref _sleepsUntil)) Wake();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = LookWhileAwaited;
            try
            {
                await ExpireAsync(stoppingToken);
                if (clock.GetUtcNow() >= _nextLook) await LookAsync(stoppingToken);
                if (ends.IsAwaited) await HearOtherNodesAsync(stoppingToken);
                pause = await PauseAsync(stoppingToken);
            }
            catch (FleetStoppingException)
            {
                return;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                logger.CommandsNotWatched(error);        // the database; deadlines wait for it
            }

            await SleepAsync(pause, stoppingToken);
        }
    }

    private async Task ExpireAsync(CancellationToken stoppingToken)
    {
        if (await book.NextDeadlineAsync(stoppingToken) is not { } next || next > clock.GetUtcNow()) return;
        foreach (var command in await book.ExpireAsync(stoppingToken)) ends.Ended(command);
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        waiting.BeginLook();
        waiting.EndLook(await book.WaitingDevicesAsync(stoppingToken));
        redelivery.TryAgain(await book.UnreachedDevicesAsync(stoppingToken));
        _nextLook = clock.GetUtcNow() + LookEvery;
        if (clock.GetUtcNow() < _forgetAt) return;
        await book.ForgetAsync(stoppingToken);
        _forgetAt = clock.GetUtcNow() + ForgetEvery;
    }

    /// <summary>Whoever waits has looked when it began to. With room for clocks that differ, and for transactions that took their time.</summary>
    private async Task HearOtherNodesAsync(CancellationToken stoppingToken)
    {
        var since = clock.GetUtcNow() - LookWhileAwaited - LookEvery;
        foreach (var command in await book.ClosedSinceAsync(since, ends.AwaitedDevices(), stoppingToken)) ends.Ended(command);
    }

    private async Task<TimeSpan> PauseAsync(CancellationToken stoppingToken)
    {
        var pause = ends.IsAwaited ? LookWhileAwaited : LookEvery;
        if (await book.NextDeadlineAsync(stoppingToken) is not { } next) return pause;
        var wait = next - clock.GetUtcNow();
        return wait < Soonest ? Soonest : wait < pause ? wait : pause;
    }

    private async Task SleepAsync(TimeSpan pause, CancellationToken stoppingToken)
    {
        Volatile.Write(ref _sleepsUntil, (clock.GetUtcNow() + pause).UtcTicks);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        await Task.WhenAny(_sooner.WaitAsync(over.Token), Task.Delay(pause, clock, over.Token));
        await over.CancelAsync();
        Volatile.Write(ref _sleepsUntil, long.MaxValue);
    }

    private void Wake()
    {
        try
        {
            _sooner.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake already.
        }
    }

    public override void Dispose()
    {
        _sooner.Dispose();
        base.Dispose();
    }
}
