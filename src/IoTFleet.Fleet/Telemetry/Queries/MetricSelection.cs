using System.Text;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>Of which streams, and which of their metrics.</summary>
/// <param name="Metrics">Flattened names; empty for all.</param>
/// <param name="Stream">Null for all; empty for the unnamed one.</param>
public sealed record MetricSelection(IReadOnlyList<string> Metrics, string? Stream = null)
{
    public const int MaxMetrics = 100;

    public static readonly MetricSelection All = new([]);

    private readonly byte[][] _names = [.. Metrics.Select(Encoding.UTF8.GetBytes)];
    private readonly byte[]? _stream = Stream is null ? null : Encoding.UTF8.GetBytes(Stream);

    internal bool HasStream(string stream) => Stream is null || Stream == stream;

    internal bool HasMetric(ReadOnlySpan<byte> name) => IndexOf(name) >= 0 || _names.Length == 0;

    internal bool HasMetric(string name) => Metrics.Count == 0 || Metrics.Contains(name);

    /// <summary>Which of the chosen ones it is; -1 for none of them.</summary>
    internal int IndexOf(ReadOnlySpan<byte> name)
    {
        for (var i = 0; i < _names.Length; i++)
        {
            if (name.SequenceEqual(_names[i])) return i;
        }
        return -1;
    }

    /// <param name="key">Of <see cref="Rollups.MetricKey"/>.</param>
    internal bool HasKey(ReadOnlySpan<byte> key)
    {
        var end = key.IndexOf((byte)0);
        return (_stream is null || key[..end].SequenceEqual(_stream)) && HasMetric(key[(end + 1)..]);
    }
}
