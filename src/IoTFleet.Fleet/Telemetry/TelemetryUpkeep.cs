using IoTFleet.Fleet.Telemetry.Retention;
using IoTFleet.Fleet.Telemetry.Rollups;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry;

/// <summary>What goes on behind storing and reading: rollups are brought up to date, and what is not to be kept is deleted.</summary>
public sealed class TelemetryUpkeep : IAsyncDisposable
{
    private readonly TelemetryRollup _rollup;
    private readonly TelemetryRetention _retention;
    private readonly TelemetryOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger<TelemetryUpkeep> _log;
    private readonly CancellationTokenSource _stopping = new();
    private Task _loops = Task.CompletedTask;

    internal TelemetryUpkeep(TelemetryRollup rollup, TelemetryRetention retention, TelemetryOptions options, TimeProvider clock, ILogger<TelemetryUpkeep> log) =>
        (_rollup, _retention, _options, _clock, _log) = (rollup, retention, options, clock, log);

    public void Start() => _loops = Task.WhenAll(
        Loop(_options.RollUpEvery, ct => _rollup.PassAsync(all: false, ct), FleetLog.TelemetryNotRolledUp),
        Loop(_options.PruneEvery, _retention.PassAsync, FleetLog.TelemetryNotPruned));

    /// <summary>Whatever is not done is done after the next start.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _loops;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stopping.Dispose();
    }

    // An embedded database blocks its caller, so each loop has a thread of its own and leaves the pool to the sockets.
    private Task Loop(TimeSpan every, Func<CancellationToken, Task> pass, Action<ILogger, Exception> failed) =>
        Task.Factory.StartNew(() => Run(every, pass, failed), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run(TimeSpan every, Func<CancellationToken, Task> pass, Action<ILogger, Exception> failed)
    {
        using var ticks = new PeriodicTimer(every, _clock);
        try
        {
            while (ticks.WaitForNextTickAsync(_stopping.Token).AsTask().GetAwaiter().GetResult()) Try(pass, failed);
        }
        catch (Exception) when (_stopping.IsCancellationRequested) // That is how it ends, in whatever it was doing.
        {
        }
    }

    private void Try(Func<CancellationToken, Task> pass, Action<ILogger, Exception> failed)
    {
        try
        {
            OwnThread.Run(() => pass(_stopping.Token));
        }
        catch (Exception error) when (!_stopping.IsCancellationRequested) // What does not mend itself by trying again; the next tick tries once more.
        {
            failed(_log, error);
        }
    }
}
