using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Crash.Mutants;

/// <summary>Loses the entry that holds each 1,000th reading; readers do not notice until the server dies before it is merged.</summary>
internal sealed class DropOne(ITelemetryStore real) : Mutant(real)
{
    private const int Every = 1_000;

    public override Task AppendAsync(LogEntry entry, CancellationToken ct) =>
        entry.Id / Every == (entry.Id + entry.Count) / Every ? Real.AppendAsync(entry, ct) : Task.CompletedTask;
}
