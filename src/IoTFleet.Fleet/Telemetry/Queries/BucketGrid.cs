using System.Globalization;
using IoTFleet.Fleet.Telemetry.Rollups;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>How wide a bucket of time is: so many microseconds, or so many calendar months.</summary>
public readonly record struct BucketWidth(long Us, int Months)
{
    /// <summary>Such as <c>30s</c>, <c>5m</c>, <c>1h</c>, <c>1d</c>, <c>1w</c>, <c>1mo</c>.</summary>
    public static bool TryParse(string text, out BucketWidth width)
    {
        width = default;
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (digits is < 1 or > 7 || !int.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count == 0) return false;
        width = text[digits..] switch
        {
            "s" => new BucketWidth(count * 1_000_000L, 0),
            "m" => new BucketWidth(count * Hours.MinuteUs, 0),
            "h" => new BucketWidth(count * Hours.HourUs, 0),
            "d" => new BucketWidth(count * Hours.HourUs * Hours.PerDay, 0),
            "w" => new BucketWidth(count * Hours.HourUs * Hours.PerDay * 7, 0),
            "mo" => new BucketWidth(0, count),
            _ => default,
        };
        return width.Months > 0 ? width.Months <= MaxMonths : width.Us is > 0 and <= MaxMonths * 31 * Hours.PerDay * Hours.HourUs;
    }

    private const int MaxMonths = 12;
}

/// <summary>Where the buckets of a question begin and end. UTC, since what is a day must not change with the machine.</summary>
internal sealed class BucketGrid
{
    private readonly long[] _edges;

    private BucketGrid(long[] edges) => _edges = edges;

    internal int Count => _edges.Length - 1;

    /// <summary>The coarsest rollup whose parts never lie across two buckets.</summary>
    internal long Unit =>
        Array.TrueForAll(_edges, edge => Hours.Floor(edge, Hours.HourUs) == edge) ? Hours.HourUs
        : Array.TrueForAll(_edges, edge => Hours.Floor(edge, Hours.MinuteUs) == edge) ? Hours.MinuteUs
        : 0;

    internal long StartOf(int bucket) => _edges[bucket];

    internal int Find(long timeUs)
    {
        var found = Array.BinarySearch(_edges, timeUs);
        return found >= 0 ? found : ~found - 1;
    }

    /// <summary>The buckets that have a part of the span. Null: more than <paramref name="most"/>.</summary>
    internal static BucketGrid? Over(long fromUs, long toUs, BucketWidth width, DateTimeOffset origin, int most)
    {
        var edges = width.Months > 0 ? Months(fromUs, toUs, width.Months, origin) : Fixed(fromUs, toUs, width.Us, EpochTime.ToMicroseconds(origin));
        var taken = edges.Take(most + 2).ToArray();
        return taken.Length > most + 1 ? null : new BucketGrid(taken);
    }

    private static IEnumerable<long> Fixed(long fromUs, long toUs, long width, long originUs)
    {
        var edge = originUs + Hours.Floor(fromUs - originUs, width);
        for (; edge < toUs; edge += width) yield return edge;
        yield return edge;
    }

    private static IEnumerable<long> Months(long fromUs, long toUs, int months, DateTimeOffset origin)
    {
        var from = EpochTime.FromMicroseconds(fromUs);
        var steps = (int)Math.Floor(((from.Year - origin.Year) * 12 + from.Month - origin.Month) / (double)months);
        while (Edge(steps) > fromUs) steps--;
        while (Edge(steps + 1) <= fromUs) steps++;
        for (; Edge(steps) < toUs; steps++) yield return Edge(steps);
        yield return Edge(steps);

        long Edge(int step) => EpochTime.ToMicroseconds(origin.AddMonths(step * months));
    }
}
