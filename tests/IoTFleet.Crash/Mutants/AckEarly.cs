using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Crash.Mutants;

/// <summary>Says that an entry is durable at once, and writes it 300 ms later.</summary>
internal sealed class AckEarly(ITelemetryStore real) : Mutant(real)
{
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(300);

    public override Task AppendAsync(LogEntry entry, CancellationToken ct)
    {
        _ = WriteLateAsync(entry with { Data = entry.Data.ToArray() });
        return Task.CompletedTask;
    }

    private async Task WriteLateAsync(LogEntry entry)
    {
        await Task.Delay(Late, TimeProvider.System);
        await Real.AppendAsync(entry, CancellationToken.None);
    }
}
