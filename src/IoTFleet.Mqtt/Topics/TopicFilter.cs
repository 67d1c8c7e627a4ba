using System.Diagnostics.CodeAnalysis;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Topics;

/// <summary>
/// What a client subscribes to: a topic with optional wildcards, maybe shared in a group; validated once, then trusted (MQTT 5.0, 4.7 and 4.8.2).
/// </summary>
public sealed class TopicFilter : IEquatable<TopicFilter>
{
    private const string SharePrefix = "$share/";

    private TopicFilter(string value, string? shareName, string path)
    {
        Value = value;
        ShareName = shareName;
        Path = path;
        HasWildcards = path.AsSpan().ContainsAny('+', '#');
    }

    /// <summary>The filter as sent, with <c>$share/name/</c> if it had that.</summary>
    public string Value { get; }

    /// <summary>The group of a shared subscription (4.8.2), or null.</summary>
    public string? ShareName { get; }

    /// <summary>The filter that topics are matched with: without <c>$share/name/</c>.</summary>
    public string Path { get; }

    /// <summary>True when <see cref="Path"/> has a <c>+</c> or <c>#</c>.</summary>
    public bool HasWildcards { get; }

    /// <summary>
    /// Validates a filter. False when it is empty, too long or not valid UTF-8 text (4.7.3), has <c>#</c> elsewhere than alone in the last level
    /// [MQTT-4.7.1-1],
    /// <c>+</c> not alone in its level [MQTT-4.7.1-2], or begins with <c>$share/</c> without a group name [MQTT-4.8.2-1] and a filter
    /// [MQTT-4.8.2-2] after it.
    /// </summary>
    public static bool TryParse([NotNullWhen(true)] string? value, [NotNullWhen(true)] out TopicFilter? filter)
    {
        filter = null;
        if (string.IsNullOrEmpty(value) || !Utf8Text.IsEncodable(value)) return false;
        if (!TrySplitShare(value, out var shareName, out var path) || !HasWildcardsInPlace(path)) return false;
        filter = new TopicFilter(value, shareName, path);
        return true;
    }

    /// <summary>Validates a filter as <see cref="TryParse"/> does.</summary>
    /// <exception cref="FormatException">The filter is not valid.</exception>
    public static TopicFilter Parse(string value) =>
        TryParse(value, out var filter) ? filter : throw new FormatException($"'{value}' is not a topic filter (MQTT 5.0, 4.7.1 and 4.8.2).");

    /// <summary>True when a message on this topic is for this subscription. Allocates nothing.</summary>
    public bool Matches(TopicName topic)
    {
        if (!HasWildcards) return Path == topic.Value;
        if (topic.Value[0] == '$' && Path[0] is ('+' or '#')) return false; // [MQTT-4.7.2-1]
        return MatchesByLevel(Path, topic.Value);
    }

    /// <summary>
    /// True when every topic that <paramref name="other"/> matches is matched by this filter, too. Groups do not count: <c>$share/g/a/#</c> is judged as
    /// <c>a/#</c>. Allocates nothing.
    /// </summary>
    public bool Covers(TopicFilter other)
    {
        if (other.Path[0] == '$' && Path[0] is ('+' or '#')) return false; // [MQTT-4.7.2-1]
        // No topic is empty [MQTT-4.7.3-1], so these two have no parent to take in and say the same as with a level more.
        return CoversByLevel(Path, other.Path switch { "#" => "+/#", "/#" => "/+/#", var path => path });
    }

    private static bool CoversByLevel(ReadOnlySpan<char> filter, ReadOnlySpan<char> other)
    {
        while (true)
        {
            var filterEnd = filter.IndexOf('/');
            var otherEnd = other.IndexOf('/');
            var filterLevel = filterEnd < 0 ? filter : filter[..filterEnd];
            var otherLevel = otherEnd < 0 ? other : other[..otherEnd];
            if (filterLevel is "#") return true;
            if (otherLevel is "#") return false; // reaches deeper than any filter without "#"
            if (filterLevel is not "+" && !filterLevel.SequenceEqual(otherLevel)) return false; // a "+" is covered by a "+" only
            if (otherEnd < 0) return filterEnd < 0 || filter[(filterEnd + 1)..] is "#"; // "a/#" takes in its parent "a" (4.7.1.2)
            if (filterEnd < 0) return false;
            filter = filter[(filterEnd + 1)..];
            other = other[(otherEnd + 1)..];
        }
    }

    private static bool MatchesByLevel(ReadOnlySpan<char> filter, ReadOnlySpan<char> topic)
    {
        while (true)
        {
            var filterEnd = filter.IndexOf('/');
            var topicEnd = topic.IndexOf('/');
            var filterLevel = filterEnd < 0 ? filter : filter[..filterEnd];
            var topicLevel = topicEnd < 0 ? topic : topic[..topicEnd];
            if (filterLevel is "#") return true;
            if (filterLevel is not "+" && !filterLevel.SequenceEqual(topicLevel)) return false;
            if (topicEnd < 0) return filterEnd < 0 || filter[(filterEnd + 1)..] is "#"; // "a/#" takes in its parent "a" (4.7.1.2)
            if (filterEnd < 0) return false;
            filter = filter[(filterEnd + 1)..];
            topic = topic[(topicEnd + 1)..];
        }
    }

    private static bool TrySplitShare(string value, out string? shareName, out string path)
    {
        shareName = null;
        path = value;
        if (!value.StartsWith(SharePrefix, StringComparison.Ordinal)) return true;
        var nameEnd = value.IndexOf('/', SharePrefix.Length);
        if (nameEnd <= SharePrefix.Length || nameEnd == value.Length - 1) return false; // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
        shareName = value[SharePrefix.Length..nameEnd];
        path = value[(nameEnd + 1)..];
        return !shareName.AsSpan().ContainsAny('+', '#');
    }

    private static bool HasWildcardsInPlace(ReadOnlySpan<char> path)
    {
        for (var at = path.IndexOfAny('+', '#'); at >= 0; at = NextWildcard(path, at))
        {
            var startsLevel = at == 0 || path[at - 1] == '/';
            var endsLevel = at == path.Length - 1 || (path[at] == '+' && path[at + 1] == '/'); // '#' only at the very end
            if (!startsLevel || !endsLevel) return false;
        }

        return true;
    }

    private static int NextWildcard(ReadOnlySpan<char> path, int after)
    {
        var next = path[(after + 1)..].IndexOfAny('+', '#');
        return next < 0 ? -1 : after + 1 + next;
    }

    /// <summary>Ordinal comparison of the filters as sent.</summary>
    public bool Equals(TopicFilter? other) => other is not null && Value == other.Value;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TopicFilter);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    /// <summary>The filter as sent.</summary>
    public override string ToString() => Value;
}
