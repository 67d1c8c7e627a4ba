namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>Says something of buckets that have no readings.</summary>
internal static class GapFill
{
    internal static IReadOnlyList<TimeBucket> Apply(TimeBucket[] buckets, GapFilling gaps)
    {
        if (gaps == GapFilling.None) return Array.FindAll(buckets, bucket => bucket.Count > 0);
        if (gaps == GapFilling.Null) return buckets;
        var before = -1;
        for (var i = 0; i < buckets.Length; i++)
        {
            if (buckets[i].Count > 0) before = i;
            else if (before >= 0 && gaps == GapFilling.Previous) buckets[i] = buckets[i] with { Figures = buckets[before].Figures };
            else if (before >= 0) FillLine(buckets, before, i);
        }
        return buckets;
    }

    /// <summary>All of a gap at once, when its first bucket is met; one that nothing comes after stays unknown.</summary>
    private static void FillLine(TimeBucket[] buckets, int before, int first)
    {
        if (first != before + 1) return;
        var after = Array.FindIndex(buckets, first, bucket => bucket.Count > 0);
        if (after < 0) return;
        var (left, right) = (buckets[before], buckets[after]);
        for (var i = first; i < after; i++)
            buckets[i] = buckets[i] with { Figures = Between(left.Figures!, right.Figures!, (buckets[i].Start - left.Start) / (right.Start - left.Start)) };
    }

    private static BucketFigures Between(BucketFigures left, BucketFigures right, double part)
    {
        return new BucketFigures(
            At(left.Min, right.Min), At(left.Max, right.Max), At(left.Average, right.Average), At(left.Sum, right.Sum), At(left.First, right.First), At(left.Last, right.Last),
            AtOr(left.P50, right.P50), AtOr(left.P95, right.P95), AtOr(left.P99, right.P99));

        double At(double from, double to) => from * (1 - part) + to * part;

        double? AtOr(double? from, double? to) => from is { } a && to is { } b ? At(a, b) : null;
    }
}
