namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// An immutable set of 128-bit numbers that change a few at a time: a hash table in one array (16 bytes a place, a million in 32 MB,
/// where strings in a tree would take 200), and beside it the few that came or went since the table was made.
/// </summary>
internal sealed class KeySet
{
    /// <summary>More changes than this are worked into a new table: a million numbers take some 30 ms, and looking beside the table costs each question.</summary>
    private const int MaxChanges = 8_192;

    internal static readonly KeySet Empty = new(new UInt128[16], 0, [], []);

    private readonly UInt128[] _table; // Zero is a free place. No number is followed by a free place before it is found.
    private readonly int _inTable;
    private readonly HashSet<UInt128> _added;
    private readonly HashSet<UInt128> _removed;

    private KeySet(UInt128[] table, int inTable, HashSet<UInt128> added, HashSet<UInt128> removed) =>
        (_table, _inTable, _added, _removed) = (table, inTable, added, removed);

    internal int Count => _inTable + _added.Count - _removed.Count;

    internal long Bytes => 16L * (_table.Length + (2 * (_added.Count + _removed.Count)));

    internal bool Contains(UInt128 key)
    {
        if (_added.Count > 0 && _added.Contains(key)) return true;
        return InTable(_table, key) && (_removed.Count == 0 || !_removed.Contains(key));
    }

    internal Builder ToBuilder() => new(this);

    private static bool InTable(UInt128[] table, UInt128 key) => table[Place(table, key)] != UInt128.Zero;

    /// <summary>Where the number is, or the free place where it would be.</summary>
    private static int Place(UInt128[] table, UInt128 key)
    {
        var mask = table.Length - 1;
        var place = (int)(ulong)key & mask; // The numbers are hashes.
        while (table[place] != UInt128.Zero && table[place] != key) place = (place + 1) & mask;
        return place;
    }

    /// <summary>The next set, made by its one writer.</summary>
    internal sealed class Builder(KeySet from)
    {
        private readonly HashSet<UInt128> _added = [.. from._added];
        private readonly HashSet<UInt128> _removed = [.. from._removed];
        private UInt128[] _table = from._table;
        private int _inTable = from._inTable;
        private bool _own;

        internal void Add(UInt128 key)
        {
            if (_removed.Remove(key) || InTable(_table, key)) return;
            _added.Add(key);
            if (_added.Count > MaxChanges) MakeTable();
        }

        internal void Remove(UInt128 key)
        {
            if (_added.Remove(key) || !InTable(_table, key)) return;
            _removed.Add(key);
            if (_removed.Count > MaxChanges) MakeTable();
        }

        internal KeySet ToSet() => new(_table, _inTable, _added, _removed);

        private void MakeTable()
        {
            var count = _inTable + _added.Count - _removed.Count;
            if (!_own || _removed.Count > 0 || Capacity(count) > _table.Length) CopyTable(Capacity(count));
            foreach (var key in _added) _table[Place(_table, key)] = key;
            _inTable = count;
            _added.Clear();
            _removed.Clear();
        }

        private void CopyTable(int capacity)
        {
            var copy = new UInt128[capacity];
            foreach (var key in _table)
            {
                if (key != UInt128.Zero && !_removed.Contains(key)) copy[Place(copy, key)] = key;
            }
            (_table, _own) = (copy, true);
        }

        /// <summary>At most three quarters full.</summary>
        private static int Capacity(int count) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, count + (count / 3) + 1));
    }
}
