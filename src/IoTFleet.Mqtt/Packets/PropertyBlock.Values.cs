namespace IoTFleet.Mqtt.Packets;

// How the values are kept. A packet rarely has more than two of the 27 properties, so a block is a short list in wire order instead of 27 fields.
public sealed partial record PropertyBlock
{
    private Entry[] _entries = [];
    private int _count;

    /// <summary>An empty block; the same as <see cref="None"/> until properties are set.</summary>
    public PropertyBlock()
    {
    }

    private PropertyBlock(PropertyBlock original)
    {
        _entries = original._entries.AsSpan(0, original._count).ToArray();
        _count = original._count;
    }

    /// <summary>True when no property is set.</summary>
    public bool IsEmpty => _count == 0;

    private ReadOnlySpan<Entry> Entries => _entries.AsSpan(0, _count);

    /// <summary>Equal when the same properties stand in the same order with equal values.</summary>
    public bool Equals(PropertyBlock? other) => other is not null && Entries.SequenceEqual(other.Entries);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var entry in Entries) hash.Add(entry);
        return hash.ToHashCode();
    }

    /// <summary>The names of the properties that are set; no values, some of them are secrets.</summary>
    public override string ToString() => $"[{string.Join(", ", _entries.Take(_count).Select(entry => entry.Id))}]";

    private Entry? Find(PropertyId id) => IndexOf(id) is >= 0 and var at ? _entries[at] : null;

    private uint? Number(PropertyId id) => Find(id)?.Number;

    private bool? Flag(PropertyId id) => Find(id) is { } entry ? entry.Number != 0 : null;

    private string? Text(PropertyId id) => (string?)Find(id)?.Reference;

    private ReadOnlyMemory<byte>? Bytes(PropertyId id) => (ReadOnlyMemory<byte>?)Find(id)?.Reference;

    private void Set(PropertyId id, uint? value) => Put(id, value is { } number ? new Entry(id, InRange(id, number)) : null);

    private void Set(PropertyId id, bool? value) => Put(id, value is { } flag ? new Entry(id, flag ? 1u : 0u) : null);

    private void Set(PropertyId id, object? value) => Put(id, value is null ? null : new Entry(id, 0, value));

    // A property keeps its place when it is replaced, so that a copy made with "with" goes out in the order it came in.
    private void Put(PropertyId id, Entry? entry)
    {
        var at = IndexOf(id);
        if (entry is null) RemoveAt(at);
        else if (at < 0) Add(entry.Value);
        else _entries[at] = entry.Value;
    }

    private void Add(Entry entry)
    {
        if (_count == _entries.Length) Array.Resize(ref _entries, Math.Max(2, 2 * _count));
        _entries[_count++] = entry;
    }

    private void RemoveAt(int at)
    {
        if (at < 0) return;
        _count--;
        Array.Copy(_entries, at + 1, _entries, at, _count - at);
    }

    private int IndexOf(PropertyId id)
    {
        for (var i = 0; i < _count; i++)
        {
            if (_entries[i].Id == id) return i;
        }

        return -1;
    }

    private static uint InRange(PropertyId id, uint number)
    {
        var rule = PropertyTable.Get(id);
        return rule.Allows(number) ? number : throw new ArgumentOutOfRangeException(rule.Name, number, rule.Range);
    }

    private static IReadOnlyList<uint>? InRange(IReadOnlyList<uint> identifiers)
    {
        foreach (var identifier in identifiers) InRange(PropertyId.SubscriptionIdentifier, identifier);
        return identifiers.Count > 0 ? identifiers : null;
    }

    /// <summary>One property: a number, or a text, topic, bytes or list.</summary>
    private readonly record struct Entry(PropertyId Id, uint Number, object? Reference = null)
    {
        public bool Equals(Entry other) => Id == other.Id && Number == other.Number && SameReference(Reference, other.Reference);

        public override int GetHashCode() => HashCode.Combine(Id, Number);

        private static bool SameReference(object? one, object? other) => (one, other) switch
        {
            (ReadOnlyMemory<byte> a, ReadOnlyMemory<byte> b) => a.Span.SequenceEqual(b.Span),
            (IReadOnlyList<UserProperty> a, IReadOnlyList<UserProperty> b) => a.SequenceEqual(b),
            (IReadOnlyList<uint> a, IReadOnlyList<uint> b) => a.SequenceEqual(b),
            _ => Equals(one, other),
        };
    }
}
