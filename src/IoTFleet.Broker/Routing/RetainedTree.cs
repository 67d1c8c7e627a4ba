using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Routing;

/// <summary>
/// Retained messages as a trie by topic level, so that a filter visits only the branches that it can match: what a SUBSCRIBE costs depends on what it
/// gets, not on how much others have retained. Used under its owner's gate.
/// </summary>
internal sealed class RetainedTree
{
    private readonly Node _root = new();

    public bool IsEmpty => _root.IsEmpty;

    public Message? Find(TopicName topic) => FindNode(topic)?.Message;

    public void Set(Message message)
    {
        var node = _root;
        foreach (var level in message.Topic.Value.Split('/')) node = node.ChildToGrow(level);
        node.Message = message;
    }

    public void Remove(TopicName topic) => Remove(_root, topic.Value);

    /// <summary>Adds to <paramref name="matching"/> what this filter is owed, in no order.</summary>
    public void Match(TopicFilter filter, List<Message> matching) => Match(_root, filter.Path, atRoot: true, matching);

    public void All(List<Message> all) => Take(_root, all, atRoot: false);

    private static void Match(Node node, ReadOnlySpan<char> rest, bool atRoot, List<Message> matching)
    {
        var slash = rest.IndexOf('/');
        var level = slash < 0 ? rest : rest[..slash];
        if (level is "#")
        {
            Take(node, matching, atRoot);
            return;
        }

        var below = slash < 0 ? default : rest[(slash + 1)..];
        if (level is not "+") Descend(node.Child(level), below, isLast: slash < 0, matching);
        else foreach (var (name, child) in node.Children) if (IsSeen(name, atRoot)) Descend(child, below, isLast: slash < 0, matching);
    }

    private static void Descend(Node? node, ReadOnlySpan<char> rest, bool isLast, List<Message> matching)
    {
        if (node is null) return;
        if (!isLast) Match(node, rest, atRoot: false, matching);
        else if (node.Message is { } message) matching.Add(message);
    }

    /// <summary>The node's own message too: "a/#" matches "a" (4.7.1.2).</summary>
    private static void Take(Node node, List<Message> matching, bool atRoot)
    {
        if (node.Message is { } message) matching.Add(message);
        foreach (var (name, child) in node.Children)
        {
            if (IsSeen(name, atRoot)) Take(child, matching, atRoot: false);
        }
    }

    /// <summary>Wildcards at the first level do not see topics that begin with $ [MQTT-4.7.2-1].</summary>
    private static bool IsSeen(string name, bool atRoot) => !(atRoot && name.StartsWith('$'));

    private static bool Remove(Node node, ReadOnlySpan<char> rest)
    {
        var slash = rest.IndexOf('/');
        var level = slash < 0 ? rest : rest[..slash];
        if (node.Child(level) is not { } child) return false;
        if (slash < 0) child.Message = null;
        else Remove(child, rest[(slash + 1)..]);
        if (child.IsEmpty) node.Drop(level);
        return node.IsEmpty;
    }

    private Node? FindNode(TopicName topic)
    {
        var node = _root;
        foreach (var level in topic.Value.AsSpan().Split('/'))
        {
            if (node.Child(topic.Value.AsSpan(level)) is not { } child) return null;
            node = child;
        }

        return node;
    }

    private sealed class Node
    {
        private static readonly Dictionary<string, Node> NoChildren = new(StringComparer.Ordinal);

        private Dictionary<string, Node>? _children;     // most nodes are leaves

        public Message? Message { get; set; }

        public Dictionary<string, Node> Children => _children ?? NoChildren;

        public bool IsEmpty => Message is null && _children is null;

        public Node? Child(ReadOnlySpan<char> level) =>
            _children is not null && _children.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(level, out var child) ? child : null;

        public Node ChildToGrow(string level)
        {
            _children ??= new Dictionary<string, Node>(1, StringComparer.Ordinal);
            if (!_children.TryGetValue(level, out var child)) _children[level] = child = new Node();
            return child;
        }

        public void Drop(ReadOnlySpan<char> level)
        {
            _children?.GetAlternateLookup<ReadOnlySpan<char>>().Remove(level);
            if (_children is { Count: 0 }) _children = null;
        }
    }
}
