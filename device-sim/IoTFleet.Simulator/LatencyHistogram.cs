using System.Numerics;

namespace IoTFleet.Simulator;

/// <summary>
/// Counts durations in buckets that grow with the duration: 32 to a power of two, so that a percentile is at most 3 % too high
/// whatever its size, in a fixed 8 KB. Any thread may record.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int BitsWithin = 5;
    private const int Within = 1 << BitsWithin;
    private readonly long[] _counts = new long[(64 - BitsWithin) * Within];

    public long Count => _counts.Sum();

    public void Record(TimeSpan duration) => Interlocked.Increment(ref _counts[BucketOf(Math.Max(0, (long)duration.TotalMicroseconds))]);

    /// <summary>The duration that this share of all recorded ones does not exceed; null when none was recorded.</summary>
    /// <param name="share">0 to 1, such as 0.99.</param>
    public TimeSpan? Percentile(double share)
    {
        var counts = _counts.ToArray();
        var wanted = (long)Math.Ceiling(share * counts.Sum());
        var seen = 0L;
        for (var bucket = 0; bucket < counts.Length; bucket++)
        {
            seen += counts[bucket];
            if (seen > 0 && seen >= wanted) return TimeSpan.FromMicroseconds(UpperEdge(bucket));
        }
        return null;
    }

    // Below 32 µs a bucket is one microsecond. Above, the leading bit picks the row and the five bits after it the place in it.
    private static int BucketOf(long microseconds)
    {
        if (microseconds < Within) return (int)microseconds;
        var shift = BitOperations.Log2((ulong)microseconds) - BitsWithin;
        return (shift + 1) * Within + (int)(microseconds >> shift) - Within;
    }

    private static double UpperEdge(int bucket)
    {
        if (bucket < Within) return bucket;
        var shift = bucket / Within - 1;
        return ((double)(bucket % Within + Within + 1) * (1L << shift)) - 1;
    }
}
