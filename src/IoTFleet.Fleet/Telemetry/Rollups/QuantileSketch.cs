using System.Runtime.InteropServices;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>
/// How values are distributed, in buckets that grow by 2 % each (as in DDSketch): a quantile is off by at most <see cref="RelativeError"/> of itself, whatever
/// the values are, and two sketches add up to the sketch of both. It never has more buckets than values.
/// </summary>
internal sealed class QuantileSketch
{
    internal const double RelativeError = 0.01;

    private const double Growth = (1 + RelativeError) / (1 - RelativeError);
    private const int Offset = 40_000; // beyond the index of the smallest number there is, so that a bucket's key has its values' order

    private static readonly double LogGrowth = Math.Log(Growth);

    private readonly Dictionary<int, long> _buckets = [];
    private KeyValuePair<int, long>[]? _sorted; // of the buckets as they are; null when they have changed

    internal long Count { get; private set; }

    internal void Add(double value) => Add(KeyOf(value), 1);

    internal void Add(QuantileSketch other)
    {
        foreach (var (key, count) in other._buckets) Add(key, count);
    }

    /// <summary>The value of which <paramref name="quantile"/> of all are not above it.</summary>
    internal double At(double quantile)
    {
        var rank = Quantiles.RankOf(quantile, Count);
        foreach (var (key, count) in Sorted())
        {
            rank -= count;
            if (rank <= 0) return ValueOf(key);
        }
        throw new InvalidOperationException("A sketch of nothing has no quantiles.");
    }

    internal void Write(CompactWriter output)
    {
        output.Unsigned((ulong)_buckets.Count);
        var before = 0;
        foreach (var (key, count) in Sorted())
        {
            output.Number(key - before);
            output.Unsigned((ulong)count);
            before = key;
        }
    }

    /// <summary>Adds one that was written.</summary>
    internal void Add(ref CompactReader input)
    {
        var (buckets, key) = (input.Count(), 0);
        for (var i = 0; i < buckets; i++)
        {
            key += (int)input.Number();
            Add(key, (long)input.Unsigned());
        }
    }

    private KeyValuePair<int, long>[] Sorted()
    {
        if (_sorted is not null) return _sorted;
        _sorted = [.. _buckets];
        Array.Sort(_sorted, (a, b) => a.Key.CompareTo(b.Key));
        return _sorted;
    }

    private void Add(int key, long count)
    {
        _sorted = null;
        CollectionsMarshal.GetValueRefOrAddDefault(_buckets, key, out _) += count;
        Count += count;
    }

    private static int KeyOf(double value)
    {
        if (value == 0) return 0;
        var key = (int)Math.Ceiling(Math.Log(Math.Abs(value)) / LogGrowth) + Offset;
        return value < 0 ? -key : key;
    }

    private static double ValueOf(int key)
    {
        if (key == 0) return 0;
        // In two steps, since the bucket's upper end may be larger than the largest number; so may its middle.
        var half = Math.Exp((Math.Abs(key) - Offset) * LogGrowth / 2);
        var value = Math.Min(half * (2 / (Growth + 1)) * half, double.MaxValue);
        return key < 0 ? -value : value;
    }
}
