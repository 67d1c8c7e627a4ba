using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <param name="Stream">Of the message that brought it.</param>
/// <param name="Name">The flattened name.</param>
/// <param name="TimeUs">Of the reading; microseconds since 1970.</param>
/// <param name="Kind">What the value is.</param>
/// <param name="Number">A number, or 0 and 1 of a boolean.</param>
/// <param name="Text">Of a text.</param>
public sealed record LatestValue(string Stream, string Name, long TimeUs, MetricKind Kind, double Number, string? Text);

/// <summary>The newest value of each of a device's metrics, by the device's own time. Immutable; <see cref="Builder"/> makes the next.</summary>
public sealed class LatestValues
{
    /// <summary>A device that invents names, such as a number in each, must not grow a row without end.</summary>
    public const int MaxMetrics = 1_000;

    public static readonly LatestValues None = new(FrozenDictionary<(string, string), LatestValue>.Empty);

    private readonly IReadOnlyDictionary<(string Stream, string Name), LatestValue> _values;

    private LatestValues(IReadOnlyDictionary<(string, string), LatestValue> values) => _values = values;

    public IEnumerable<LatestValue> Values => _values.Values;

    public int Count => _values.Count;

    /// <exception cref="InvalidDataException">The bytes are not what <see cref="ToBytes"/> made.</exception>
    public static LatestValues FromBytes(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty) return None;
        var reader = new CompactReader(bytes);
        var values = new Dictionary<(string, string), LatestValue>();
        while (!reader.AtEnd)
        {
            var kind = (MetricKind)reader.Byte();
            var (stream, name, time) = (reader.Text(), reader.Text(), reader.Number());
            values[(stream, name)] = kind == MetricKind.Text
                ? new LatestValue(stream, name, time, kind, double.NaN, reader.Text())
                : new LatestValue(stream, name, time, kind, reader.Double(), null);
        }
        return new LatestValues(values);
    }

    public byte[] ToBytes()
    {
        var output = new ArrayBufferWriter<byte>(64 + 32 * _values.Count);
        var writer = new CompactWriter(output);
        foreach (var value in _values.Values)
        {
            writer.Byte((byte)value.Kind);
            writer.Text(value.Stream);
            writer.Text(value.Name);
            writer.Number(value.TimeUs);
            if (value.Kind == MetricKind.Text) writer.Text(value.Text!);
            else writer.Double(value.Number);
        }
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Takes readings in any order.</summary>
    public sealed class Builder(LatestValues before)
    {
        private readonly Dictionary<(string Stream, string Name), LatestValue> _values = new(before._values);

        /// <param name="stream">Of the message.</param>
        /// <param name="timeUs">Of the reading.</param>
        /// <param name="json">The reading's object.</param>
        public void Add(string stream, long timeUs, ReadOnlySpan<byte> json)
        {
            var reader = new ValueReader(json);
            while (reader.Read())
            {
                var name = Encoding.UTF8.GetString(reader.Name);
                var known = _values.TryGetValue((stream, name), out var newest);
                if (known ? newest!.TimeUs > timeUs : _values.Count >= MaxMetrics) continue;
                _values[(stream, name)] = reader.Kind == MetricKind.Text
                    ? new LatestValue(stream, name, timeUs, reader.Kind, double.NaN, reader.Text())
                    : new LatestValue(stream, name, timeUs, reader.Kind, reader.Number, null);
            }
        }

        public LatestValues Build() => new(_values);
    }
}
