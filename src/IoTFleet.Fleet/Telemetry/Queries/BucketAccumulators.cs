using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>What has been found for each series and bucket so far, from readings and from rollups.</summary>
internal sealed class BucketAccumulators(BucketGrid grid, MetricSelection selection, bool withQuantiles, QuantileBudget budget)
{
    /// <summary>Of one answer: a group's devices may have invented names.</summary>
    internal const int MaxSeries = 1_000;

    /// <summary>Buckets of all series together.</summary>
    internal const int MaxCells = 500_000;

    private readonly int _maxSeries = Math.Clamp(MaxCells / grid.Count, 1, MaxSeries);

    private readonly MetricTable<Bucket?[]> _series = new();

    /// <summary>Metrics were left out, since there are too many.</summary>
    internal bool IsCut { get; private set; }

    internal IEnumerable<KeyValuePair<byte[], Bucket?[]>> Series => _series.Entries;

    internal void Add(StoredReading reading)
    {
        if (reading.ContentType is not null || !selection.HasStream(reading.Stream)) return;
        var bucket = grid.Find(reading.TimeUs);
        Span<byte> key = stackalloc byte[MetricKey.MaxBytes];
        var stream = MetricKey.WriteStream(reading.Stream, key);
        var values = new ValueReader(reading.Body.Span);
        while (values.Read())
        {
            if (!selection.HasMetric(values.Name) || !HourSummary.Number(ref values, out var value)) continue;
            values.Name.CopyTo(key[stream..]);
            if (Find(key[..(stream + values.Name.Length)], bucket) is not { } found) continue;
            found.Stats.Add(reading.TimeUs, value);
            found.Quantiles?.Add(value);
        }
    }

    /// <param name="minutes">The rest of a row, behind its coverage.</param>
    /// <param name="startUs">Of its hour.</param>
    /// <param name="fromUs">Minutes before it are left out.</param>
    /// <param name="toUs">Minutes from it on are left out.</param>
    internal void AddMinutes(CompactReader minutes, long startUs, long fromUs, long toUs)
    {
        while (!minutes.AtEnd)
        {
            var (key, stored) = (minutes.Bytes(), minutes.Bytes());
            if (!selection.HasKey(key.Span)) continue;
            var reader = new CompactReader(stored);
            while (!reader.AtEnd)
            {
                var minuteUs = startUs + reader.Byte() * Hours.MinuteUs;
                var stats = Stats.Read(ref reader, minuteUs);
                if (minuteUs >= fromUs && minuteUs < toUs) Find(key.Span, grid.Find(minuteUs))?.Stats.Add(stats);
            }
        }
    }

    /// <param name="hour">The rest of a block, behind its coverage.</param>
    /// <param name="startUs">Of the hour.</param>
    internal void AddHour(CompactReader hour, long startUs)
    {
        var bucket = grid.Find(startUs);
        while (!hour.AtEnd)
        {
            var (key, stored) = (hour.Bytes(), hour.Bytes());
            if (!selection.HasKey(key.Span) || Find(key.Span, bucket) is not { } found) continue;
            var reader = new CompactReader(stored);
            found.Stats.Add(Stats.Read(ref reader, startUs));
            found.Quantiles?.Sketch().Add(ref reader);
        }
    }

    private Bucket? Find(ReadOnlySpan<byte> key, int bucket)
    {
        if (_series.Find(key) is not { } series)
        {
            IsCut |= _series.Count >= _maxSeries;
            if (_series.Count >= _maxSeries) return null;
            _series.Add(key, series = new Bucket?[grid.Count]);
        }
        return series[bucket] ??= new Bucket(withQuantiles ? new Quantiles(budget) : null);
    }

    internal sealed class Bucket(Quantiles? quantiles)
    {
        internal Stats Stats;

        internal Quantiles? Quantiles => quantiles;
    }
}
