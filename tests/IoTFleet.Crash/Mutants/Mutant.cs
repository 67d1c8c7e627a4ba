using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Crash.Mutants;

/// <summary>A store that breaks the promise in one way, around the real one. The run must find each.</summary>
internal abstract class Mutant(ITelemetryStore real) : ITelemetryStore, IDisposable
{
    private static readonly Dictionary<string, Func<ITelemetryStore, Mutant>> All = new(StringComparer.Ordinal)
    {
        ["ack-early"] = real => new AckEarly(real),
        ["drop-one"] = real => new DropOne(real),
        ["twice"] = real => new Twice(real),
        ["forget-early"] = real => new ForgetEarly(real),
    };

    public static IReadOnlyCollection<string> Names => All.Keys;

    protected ITelemetryStore Real => real;

    public static Mutant Around(ITelemetryStore real, string name) => All[name](real);

    public virtual Task AppendAsync(LogEntry entry, CancellationToken ct) => real.AppendAsync(entry, ct);

    public Task<IReadOnlyList<LogEntry>> ReadLogAsync(long beyond, int limit, CancellationToken ct) => real.ReadLogAsync(beyond, limit, ct);

    public Task ForgetLogAsync(long upTo, CancellationToken ct) => real.ForgetLogAsync(upTo, ct);

    public virtual Task MergeAsync(MergeSlice slice, CancellationToken ct) => real.MergeAsync(slice, ct);

    public Task<DroppedReadings> DropBeforeAsync(long timeUs, CancellationToken ct) => real.DropBeforeAsync(timeUs, ct);

    public void Dispose() => (real as IDisposable)?.Dispose();
}
