using System.Collections.Concurrent;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Routing;

/// <summary>One session's interest in one filter.</summary>
internal sealed record Subscription(Session Session, SubscriptionRequest Request, uint? Identifier);

/// <summary>
/// Filters as a trie by topic level, so that a published message visits only the sessions that want it: the cost of routing
/// depends on the topic's depth, not on the fleet. Readers take no lock: children live in concurrent maps and a node's
/// subscriptions are an immutable array that the one writer (under the gate) replaces.
/// </summary>
internal sealed class SubscriptionTree
{
    private readonly Lock _gate = new();
    private readonly Node _root = new();

    /// <summary>True when nobody subscribes to anything and no empty branch is left behind.</summary>
    internal bool IsEmpty => _root.IsEmpty;

    /// <summary>Adds the subscription, or replaces the session's earlier one on the same filter [MQTT-3.8.4-3].</summary>
    internal void Add(Subscription subscription)
    {
        lock (_gate)
        {
            var node = _root;
            foreach (var level in Levels(subscription.Request.Filter)) node = node.ChildToGrow(level);
            node.Subscriptions = [.. node.Subscriptions.Where(other => other.Session != subscription.Session), subscription];
        }
    }

    internal void Remove(TopicFilter filter, Session session)
    {
        lock (_gate) Remove(_root, Levels(filter), 0, session);
    }

    /// <summary>Adds to <paramref name="matches"/> every subscription whose filter matches; a session appears once per filter.</summary>
    internal void Match(TopicName topic, List<Subscription> matches) => Match(_root, topic.Value, atRoot: true, matches);

    private static void Match(Node node, ReadOnlySpan<char> rest, bool atRoot, List<Subscription> matches)
    {
        var slash = rest.IndexOf('/');
        var level = slash < 0 ? rest : rest[..slash];
        var wildcardsApply = !(atRoot && level.StartsWith('$'));            // [MQTT-4.7.2-1]

        if (wildcardsApply && node.Child("#") is { } everything) matches.AddRange(everything.Subscriptions);
        Descend(node.Child(level), slash < 0 ? default : rest[(slash + 1)..], isLast: slash < 0, matches);
        if (wildcardsApply) Descend(node.Child("+"), slash < 0 ? default : rest[(slash + 1)..], isLast: slash < 0, matches);
    }

    private static void Descend(Node? child, ReadOnlySpan<char> rest, bool isLast, List<Subscription> matches)
    {
        if (child is null) return;
        if (!isLast)
        {
            Match(child, rest, atRoot: false, matches);
            return;
        }

        matches.AddRange(child.Subscriptions);
        if (child.Child("#") is { } parentLevelToo) matches.AddRange(parentLevelToo.Subscriptions);     // 4.7.1.2: "a/#" matches "a"
    }

    private static bool Remove(Node node, string[] levels, int depth, Session session)
    {
        if (depth == levels.Length)
        {
            node.Subscriptions = [.. node.Subscriptions.Where(other => other.Session != session)];
        }
        else if (node.Child(levels[depth]) is { } child && Remove(child, levels, depth + 1, session))
        {
            node.Drop(levels[depth]);
        }

        return node.IsEmpty;
    }

    private static string[] Levels(TopicFilter filter) => filter.Path.Split('/');

    private sealed class Node
    {
        private ConcurrentDictionary<string, Node>? _children;
        private Subscription[] _subscriptions = [];

        public Subscription[] Subscriptions
        {
            get => Volatile.Read(ref _subscriptions);
            set => Volatile.Write(ref _subscriptions, value);
        }

        public bool IsEmpty => _subscriptions.Length == 0 && (_children is null || _children.IsEmpty);

        public Node? Child(ReadOnlySpan<char> level) =>
            Volatile.Read(ref _children) is { } children
            && children.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(level, out var child) ? child : null;

        public Node ChildToGrow(string level)
        {
            // One lock stripe and room for one child: most nodes of a fleet are a device with a single branch.
            if (_children is null) Volatile.Write(ref _children, new(concurrencyLevel: 1, capacity: 1, StringComparer.Ordinal));
            return _children!.GetOrAdd(level, static _ => new Node());
        }

        public void Drop(string level) => _children?.TryRemove(level, out _);
    }
}
