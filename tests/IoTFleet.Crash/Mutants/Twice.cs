using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Crash.Mutants;

/// <summary>Stores each entry a second time under an id far beyond its own: found when the first was merged before the kill, and the second is taken in after it.</summary>
internal sealed class Twice(ITelemetryStore real) : Mutant(real)
{
    private const long Beyond = 1L << 36;

    public override async Task AppendAsync(LogEntry entry, CancellationToken ct)
    {
        await Real.AppendAsync(entry, ct);
        await Real.AppendAsync(entry with { Id = entry.Id + Beyond }, ct);
    }
}
