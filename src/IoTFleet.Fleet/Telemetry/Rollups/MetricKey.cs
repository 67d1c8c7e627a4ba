using System.Text;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>A stream and a metric as one run of bytes, so that rollups and readings are searched without making strings. A topic has no NUL, so the first one divides them.</summary>
internal static class MetricKey
{
    internal const int MaxStreamBytes = 3 * Store.TelemetryDbContext.MaxStreamLength;
    internal const int MaxBytes = MaxStreamBytes + 1 + Formats.ValueReader.MaxNameBytes;

    internal static int WriteStream(string stream, Span<byte> key)
    {
        var length = Encoding.UTF8.GetBytes(stream, key);
        key[length] = 0;
        return length + 1;
    }

    internal static (string Stream, string Metric) Read(ReadOnlySpan<byte> key)
    {
        var end = key.IndexOf((byte)0);
        return (Encoding.UTF8.GetString(key[..end]), Encoding.UTF8.GetString(key[(end + 1)..]));
    }
}

/// <summary>Something for each stream and metric.</summary>
internal sealed class MetricTable<T>
    where T : class
{
    private readonly Dictionary<byte[], T> _entries = new(ByBytes.Instance);
    private readonly Dictionary<byte[], T>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    internal MetricTable() => _lookup = _entries.GetAlternateLookup<ReadOnlySpan<byte>>();

    internal int Count => _entries.Count;

    internal IEnumerable<KeyValuePair<byte[], T>> Entries => _entries;

    internal T? Find(ReadOnlySpan<byte> key) => _lookup.TryGetValue(key, out var found) ? found : null;

    internal void Add(ReadOnlySpan<byte> key, T value) => _entries.Add(key.ToArray(), value);

    private sealed class ByBytes : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        internal static readonly ByBytes Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(byte[] key) => GetHashCode(key.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode); // seeded anew in each process, so that nobody can choose names that fall on each other
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
