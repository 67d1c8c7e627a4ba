using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Wire;

/// <summary>The last few topic names of one connection: a device publishes to the same few topics, so their strings are made once.</summary>
internal sealed class TopicNameCache
{
    private const int Size = 8;
    private TopicName?[]? _names; // made by the first topic: most idle connections never publish
    private int _oldest;

    public TopicName? Find(ReadOnlySpan<byte> utf8)
    {
        foreach (var name in _names ?? [])
        {
            if (name is null) return null;
            if (utf8.SequenceEqual(name.Utf8.Span)) return name;
        }

        return null;
    }

    public TopicName Keep(TopicName name)
    {
        _names ??= new TopicName?[Size];
        _names[_oldest] = name;
        _oldest = (_oldest + 1) % Size;
        return name;
    }
}
