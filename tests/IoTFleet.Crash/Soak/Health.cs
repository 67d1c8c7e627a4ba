namespace IoTFleet.Crash.Soak;

/// <summary>What this process, with all its devices, takes: looked at again and again after a full collection.</summary>
internal sealed class Health : IDisposable
{
    private const double MiB = 1024 * 1024;

    private readonly List<(double Hours, double Value)> _heap = [];
    private readonly List<(double Hours, double Value)> _resident = [];
    private readonly List<(double Hours, double Value)> _handles = [];
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private int _unobserved;
    private string? _firstUnobserved;

    public Health() => TaskScheduler.UnobservedTaskException += OnUnobserved;

    public Trend Heap => Trend.Of(_heap);

    public Trend Resident => Trend.Of(_resident);

    public Trend Handles => Trend.Of(_handles);

    public int Unobserved => Volatile.Read(ref _unobserved);

    public string? FirstUnobserved => Volatile.Read(ref _firstUnobserved);

    /// <param name="counts">False while the process still warms up: it is only told.</param>
    public string Measure(bool counts)
    {
        for (var i = 0; i < 2; i++)                            // what has a finalizer goes at the second
        {
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        var hours = TimeProvider.System.GetElapsedTime(_started).TotalHours;
        var (heap, resident, handles) = (GC.GetTotalMemory(forceFullCollection: false) / MiB, Environment.WorkingSet / MiB, OpenHandles().Count);
        if (counts)
        {
            _heap.Add((hours, heap));
            _resident.Add((hours, resident));
            _handles.Add((hours, handles));
        }

        return FormattableString.Invariant($"{hours * 60,6:0.0} min  heap {heap,6:0.00} MiB  RSS {resident,6:0.0} MiB  handles {handles,4}");
    }

    /// <summary>What this process has open beside the programs it runs.</summary>
    public static IReadOnlyList<string> OpenHandles() =>
        [.. Directory.GetFiles("/proc/self/fd").Select(handle => new FileInfo(handle).LinkTarget?.Split(':')[0] ?? "gone meanwhile").Where(target => !target.EndsWith(".dll", StringComparison.Ordinal))];

    public void Dispose() => TaskScheduler.UnobservedTaskException -= OnUnobserved;

    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs unobserved)
    {
        Interlocked.Increment(ref _unobserved);
        Interlocked.CompareExchange(ref _firstUnobserved, unobserved.Exception.ToString(), null);
    }
}
