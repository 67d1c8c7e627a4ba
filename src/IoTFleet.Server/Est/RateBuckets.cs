namespace IoTFleet.Server.Est;

/// <summary>
/// A bucket of so many a minute for each of many names, full at first. Names that have not been heard of for a minute are full again, so they are forgotten;
/// when more names than there is room for are busy at once, the rest share one bucket.
/// </summary>
internal sealed class RateBuckets(int perMinute, TimeProvider clock)
{
    private const int MaxNames = 50_000;
    private const string Rest = "";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (double Left, long At)> _buckets = new(StringComparer.Ordinal);

    /// <returns>Null when one was taken; else how long until there is one.</returns>
    public TimeSpan? Take(string name) => Look(name, take: true);

    /// <returns>Null when there is one to take; nothing is taken.</returns>
    public TimeSpan? Peek(string name) => Look(name, take: false);

    /// <summary>What was taken was not used after all.</summary>
    public void GiveBack(string name)
    {
        lock (_gate)
        {
            var now = clock.GetTimestamp();
            if (!_buckets.ContainsKey(name)) name = Rest;
            if (_buckets.TryGetValue(name, out var bucket)) _buckets[name] = (Math.Min(perMinute, Refilled(bucket, now) + 1), now);
        }
    }

    private TimeSpan? Look(string name, bool take)
    {
        lock (_gate)
        {
            var now = clock.GetTimestamp();
            if (!_buckets.ContainsKey(name) && _buckets.Count >= MaxNames) name = Forget(now) ? name : Rest;
            var left = _buckets.TryGetValue(name, out var bucket) ? Refilled(bucket, now) : perMinute;
            if (left < 1) return TimeSpan.FromMinutes((1 - left) / perMinute);
            if (take) _buckets[name] = (left - 1, now);
            return null;
        }
    }

    private double Refilled((double Left, long At) bucket, long now) =>
        Math.Min(perMinute, bucket.Left + (clock.GetElapsedTime(bucket.At, now).TotalMinutes * perMinute));

    private bool Forget(long now)
    {
        foreach (var (name, bucket) in _buckets)
        {
            if (Refilled(bucket, now) >= perMinute) _buckets.Remove(name);
        }
        return _buckets.Count < MaxNames;
    }
}
