using System.Buffers;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>
/// A device's hour while it is made: minute by minute, or as a whole with a sketch of its values. Readings are added to what a row of the database
/// holds already; those that it holds are passed over.
/// </summary>
internal sealed class HourSummary
{
    /// <summary>A device that invents names, such as a number in each, must not grow a row without end.</summary>
    internal const int MaxMetrics = LatestValues.MaxMetrics;

    internal const int Minutes = 60;

    private readonly long _startUs;
    private readonly bool _byMinute;
    private readonly Coverage _held;
    private readonly List<(long Id, int Bytes)> _new = [];
    private readonly MetricTable<Metric> _metrics = new();

    private HourSummary(int hour, bool byMinute, Coverage held) => (_startUs, _byMinute, _held) = (Hours.StartOf(hour), byMinute, held);

    internal Coverage Held => _held;

    /// <summary>Since it was read it was given a reading that it did not hold.</summary>
    internal bool HasNew => _new.Count > 0;

    internal static HourSummary ByMinute(int hour, byte[]? stored) => Read(hour, stored ?? [], byMinute: true);

    internal static HourSummary AsWhole(int hour, ReadOnlyMemory<byte> stored) => Read(hour, stored, byMinute: false);

    /// <summary>To both summaries of an hour, so that a body is read once.</summary>
    internal static void Add(TelemetryRow row, HourSummary minutes, HourSummary whole)
    {
        var (toMinutes, toWhole) = (minutes.Takes(row), whole.Takes(row));
        if (row.ContentType is not null || !(toMinutes || toWhole)) return;
        Span<byte> key = stackalloc byte[MetricKey.MaxBytes];
        var stream = MetricKey.WriteStream(row.Stream, key);
        var reader = new ValueReader(row.Body);
        while (reader.Read())
        {
            if (!Number(ref reader, out var value)) continue;
            reader.Name.CopyTo(key[stream..]);
            var metric = key[..(stream + reader.Name.Length)];
            if (toMinutes) minutes.Add(metric, row.TimeUs, value);
            if (toWhole) whole.Add(metric, row.TimeUs, value);
        }
    }

    /// <summary>Texts are no numbers, and what is larger than a double has none to stand for it.</summary>
    internal static bool Number(ref ValueReader reader, out double value)
    {
        value = reader.Kind == MetricKind.Text ? double.NaN : reader.Number;
        return double.IsFinite(value);
    }

    internal byte[] ToBytes()
    {
        _held.Add(_new);
        _new.Clear();
        var output = new ArrayBufferWriter<byte>(1024);
        var writer = new CompactWriter(output);
        _held.Write(writer);
        var part = new ArrayBufferWriter<byte>(1024);
        foreach (var (key, metric) in _metrics.Entries)
        {
            writer.Bytes(key);
            part.ResetWrittenCount();
            metric.Write(new CompactWriter(part), _startUs);
            writer.Bytes(part.WrittenSpan);
        }
        return output.WrittenSpan.ToArray();
    }

    private static HourSummary Read(int hour, ReadOnlyMemory<byte> stored, bool byMinute)
    {
        if (stored.IsEmpty) return new HourSummary(hour, byMinute, new Coverage());
        var reader = new CompactReader(stored);
        var summary = new HourSummary(hour, byMinute, Coverage.Read(ref reader));
        while (!reader.AtEnd)
        {
            var key = reader.Bytes();
            summary._metrics.Add(key.Span, Metric.Read(reader.Bytes(), summary._startUs, byMinute));
        }
        return summary;
    }

    private bool Takes(TelemetryRow row)
    {
        if (_held.Has(row.Id)) return false;
        _new.Add((row.Id, SizeOf(row)));
        return true;
    }

    private void Add(ReadOnlySpan<byte> key, long timeUs, double value)
    {
        if (_metrics.Find(key) is not { } metric)
        {
            if (_metrics.Count >= MaxMetrics) return;
            _metrics.Add(key, metric = new Metric(_byMinute));
        }
        metric.Add(timeUs, value, _startUs);
    }

    private static int SizeOf(TelemetryRow row) => 32 + row.Body.Length + row.Stream.Length;

    private sealed class Metric(bool byMinute)
    {
        private readonly Stats[] _stats = new Stats[byMinute ? Minutes : 1];
        private readonly QuantileSketch? _sketch = byMinute ? null : new QuantileSketch();

        internal void Add(long timeUs, double value, long startUs)
        {
            _stats[byMinute ? (timeUs - startUs) / Hours.MinuteUs : 0].Add(timeUs, value);
            _sketch?.Add(value);
        }

        internal void Write(CompactWriter output, long startUs)
        {
            for (var minute = 0; minute < _stats.Length; minute++)
            {
                if (_stats[minute].Count == 0) continue;
                if (byMinute) output.Byte((byte)minute);
                _stats[minute].Write(output, startUs + minute * Hours.MinuteUs);
            }
            _sketch?.Write(output);
        }

        internal static Metric Read(ReadOnlyMemory<byte> stored, long startUs, bool byMinute)
        {
            var metric = new Metric(byMinute);
            var reader = new CompactReader(stored);
            while (!reader.AtEnd)
            {
                var minute = byMinute ? reader.Byte() : 0;
                metric._stats[minute] = Stats.Read(ref reader, startUs + minute * Hours.MinuteUs);
                metric._sketch?.Add(ref reader);
            }
            return metric;
        }
    }
}
