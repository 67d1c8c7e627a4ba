using System.Diagnostics;

namespace IoTFleet.Benchmarks.Load;

/// <summary>How long things took, from many threads; beyond a million only the first are kept.</summary>
internal sealed class Latencies
{
    private const int Most = 1_000_000;

    private readonly int[] _microseconds = new int[Most];
    private int _count;

    public void Add(long since)
    {
        var at = Interlocked.Increment(ref _count) - 1;
        if (at < Most) _microseconds[at] = (int)Math.Min(int.MaxValue, (Stopwatch.GetTimestamp() - since) * 1_000_000 / Stopwatch.Frequency);
    }

    /// <summary>The quantiles, in microseconds, of what came since the last call.</summary>
    public int[] Take(params double[] quantiles)
    {
        var sorted = _microseconds.AsSpan(0, Math.Min(_count, Most));
        sorted.Sort();
        var found = new int[quantiles.Length];
        for (var i = 0; i < found.Length; i++) found[i] = sorted.IsEmpty ? 0 : sorted[(int)(quantiles[i] * (sorted.Length - 1))];
        _count = 0;
        return found;
    }
}
