using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Crash.Mutants;

/// <summary>Takes entries out of the log before they are in the tables, for the time that a merge may take on a busy disk.</summary>
internal sealed class ForgetEarly(ITelemetryStore real) : Mutant(real)
{
    private static readonly TimeSpan Merge = TimeSpan.FromMilliseconds(200);

    public override async Task MergeAsync(MergeSlice slice, CancellationToken ct)
    {
        if (slice.Rows.Count > 0) await Real.ForgetLogAsync(slice.Rows.Max(row => row.Id), ct);
        await Task.Delay(Merge, TimeProvider.System, ct);
        await Real.MergeAsync(slice, ct);
    }
}
