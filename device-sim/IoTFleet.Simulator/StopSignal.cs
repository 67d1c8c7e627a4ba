using System.Runtime.InteropServices;

namespace IoTFleet.Simulator;

/// <summary>Ctrl-C and SIGTERM: the first ends the sending, so that everything can finish in order; the second gives up the waiting too.</summary>
internal sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _abandon = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    public StopSignal()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
    }

    /// <summary>Send no more.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Wait for nothing any more.</summary>
    public CancellationToken Abandon => _abandon.Token;

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _stop.Dispose();
        _abandon.Dispose();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        signal.Cancel = true; // the process ends by itself, with its exit code
        if (_stop.IsCancellationRequested) _abandon.Cancel();
        _stop.Cancel();
    }
}
