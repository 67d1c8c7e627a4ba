namespace IoTFleet.Fleet.Twins;

/// <param name="DeviceId">Who reports, as its certificate says.</param>
/// <param name="Patch">What it reports.</param>
public sealed record StoreReportedRequest(string DeviceId, TwinPatch Patch);

public abstract record StoreReportedResult
{
    private StoreReportedResult() { }

    /// <summary>Committed; <c>HasChanged</c> is false when it said nothing new, and nothing was written.</summary>
    public sealed record Stored(long Version, bool HasChanged) : StoreReportedResult;

    /// <summary>For good: nothing was changed.</summary>
    public sealed record Refused(TwinProblem Problem) : StoreReportedResult;
}

/// <summary>Takes what a device says of itself. The device was let in by its certificate, and says it of nobody else; so there is no actor, and no line in the audit for each report.</summary>
public sealed class StoreReported(TwinWriter twins, TimeProvider clock)
{
    public Task<StoreReportedResult> RunAsync(StoreReportedRequest request, CancellationToken ct) =>
        twins.ChangeAsync(request.DeviceId, (_, twin, _) => Task.FromResult(Report(twin, request.Patch)), ct);

    private TwinChange<StoreReportedResult> Report(DeviceTwin twin, TwinPatch patch)
    {
        if (!patch.TryApplyTo(twin.Reported, out var document, out var problem)) return new(new StoreReportedResult.Refused(problem), false);
        var changed = twin.Report(document, patch.Applied, clock.GetUtcNow());
        return new(new StoreReportedResult.Stored(twin.ReportedVersion, changed), changed);
    }
}
