using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>
/// Which readings a rollup holds: each node merges a device's readings in the order of their ids, so for each node the last id says it.
/// With it what came later is added to a rollup, also when the readings it was made of are gone.
/// </summary>
internal sealed class Coverage
{
    /// <summary>An id's upper bits are its node's.</summary>
    private const int NodeShift = 44;

    /// <summary>Ids between them: none.</summary>
    internal static readonly (long First, long Last) Nothing = (0, -1);

    private readonly SortedDictionary<long, long> _lastByNode = [];

    internal long Rows { get; private set; }

    /// <summary>What they take as rows, about.</summary>
    internal long Bytes { get; private set; }

    internal bool Has(long id) => _lastByNode.TryGetValue(id >> NodeShift, out var last) && id <= last;

    /// <summary>For a database to leave out most of what is held already: ids between them are, whatever else is.</summary>
    internal (long First, long Last) Largest() => _lastByNode.Count == 0 ? Nothing : Range(_lastByNode.Values.Max());

    /// <summary>Of readings that are not held yet; all of a device's hour, so that the order among them is of no matter.</summary>
    internal void Add(IEnumerable<(long Id, int Bytes)> rows)
    {
        foreach (var (id, bytes) in rows)
        {
            var node = id >> NodeShift;
            _lastByNode[node] = Math.Max(id, _lastByNode.GetValueOrDefault(node, long.MinValue));
            Rows++;
            Bytes += bytes;
        }
    }

    internal void Write(CompactWriter output)
    {
        output.Unsigned((ulong)Rows);
        output.Unsigned((ulong)Bytes);
        output.Unsigned((ulong)_lastByNode.Count);
        foreach (var last in _lastByNode.Values) output.Number(last);
    }

    internal static Coverage Read(ref CompactReader input)
    {
        var read = new Coverage { Rows = (long)input.Unsigned(), Bytes = (long)input.Unsigned() };
        var nodes = input.Count();
        for (var i = 0; i < nodes; i++)
        {
            var last = input.Number();
            read._lastByNode.Add(last >> NodeShift, last);
        }
        return read;
    }

    /// <summary>That of an hour's block or row.</summary>
    internal static Coverage Of(ReadOnlyMemory<byte> stored)
    {
        var reader = new CompactReader(stored);
        return Read(ref reader);
    }

    /// <summary>What is behind it: a question about a thousand devices' month goes over 720,000 of them, and needs hardly any.</summary>
    internal static CompactReader Behind(ReadOnlyMemory<byte> stored)
    {
        var reader = new CompactReader(stored);
        reader.Unsigned();
        reader.Unsigned();
        for (var left = reader.Count(); left > 0; left--) reader.Number();
        return reader;
    }

    private static (long First, long Last) Range(long last) => (last >> NodeShift << NodeShift, last);
}
