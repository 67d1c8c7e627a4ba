using System.Runtime.InteropServices;
using IoTFleet.Broker.Figures;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Routing;

/// <summary>The last retained message of each topic, given to those who subscribe later (MQTT 5 3.3.1.3).</summary>
internal sealed class RetainedMessages(BrokerOptions options, BrokerMetrics metrics, TimeProvider clock)
{
    private static readonly TimeSpan BetweenCleanings = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly RetainedTree _byTopic = new();
    private readonly Dictionary<string, Usage> _byPublisher = new(StringComparer.Ordinal);
    private Usage _all;
    private DateTimeOffset _cleanedAt;

    /// <summary>Topics with a retained message.</summary>
    internal int Count
    {
        get
        {
            lock (_gate) return _all.Topics;
        }
    }

    /// <summary>What would be exceeded if this message were kept now: the setting's name, or null when there is room.</summary>
    /// <param name="share">How many devices' share its publisher has.</param>
    internal string? Exceeded(Message message, int share)
    {
        lock (_gate)
        {
            var earlier = _byTopic.Find(message.Topic);
            return ExceededByAll_NeedsGate(message, earlier) ?? ExceededByOne_NeedsGate(message, earlier, share);
        }
    }

    /// <summary>Keeps the message in place of its topic's earlier one, or forgets the topic when the payload is empty [MQTT-3.3.1-6].</summary>
    /// <returns>Null, or the setting that would be exceeded by all together: then the topic keeps what it had.</returns>
    internal string? Keep(Message message)
    {
        lock (_gate)
        {
            var earlier = _byTopic.Find(message.Topic);
            if (ExceededByAll_NeedsGate(message, earlier) is { } exceeded) return exceeded;
            earlier = _byTopic.Find(message.Topic);     // it may have expired and gone just now
            if (earlier is not null) Forget_NeedsGate(earlier);
            if (!message.Payload.IsEmpty) Add_NeedsGate(message);
            return null;
        }
    }

    internal List<Message> Matching(TopicFilter filter)
    {
        var now = clock.GetUtcNow();
        List<Message> matching = [];
        lock (_gate) _byTopic.Match(filter, matching);
        matching.RemoveAll(message => message.IsExpired(now));
        return matching;
    }

    /// <summary>Whether it is still its topic's last and has not expired.</summary>
    internal bool IsCurrent(Message message)
    {
        lock (_gate) return ReferenceEquals(_byTopic.Find(message.Topic), message) && !message.IsExpired(clock.GetUtcNow());
    }

    private string? ExceededByAll_NeedsGate(Message message, Message? earlier)
    {
        if (message.Payload.IsEmpty || SysTopics.Holds(message.Topic)) return null;
        var exceeded = Exceeded(_all.Without(earlier).With(message));
        return exceeded is not null && ForgetExpired_NeedsGate() ? Exceeded(_all.Without(_byTopic.Find(message.Topic)).With(message)) : exceeded;
    }

    private string? ExceededByOne_NeedsGate(Message message, Message? earlier, int share)
    {
        if (message.Payload.IsEmpty || message.Publisher is null) return null;
        var own = _byPublisher.GetValueOrDefault(message.Publisher).Without(earlier?.Publisher == message.Publisher ? earlier : null).With(message);
        if (own.Topics > (long)options.MaxRetainedPerClient * share) return "Broker:MaxRetainedPerClient";
        return own.Bytes > options.MaxRetainedBytesPerClient * share ? "Broker:MaxRetainedBytesPerClient" : null;
    }

    private string? Exceeded(Usage all)
    {
        if (all.Topics > options.MaxRetainedMessages) return "Broker:MaxRetainedMessages";
        return all.Bytes > options.MaxRetainedBytes ? "Broker:MaxRetainedBytes" : null;
    }

    /// <summary>Looks through all of them, so not at each message that finds the store full.</summary>
    private bool ForgetExpired_NeedsGate()
    {
        var now = clock.GetUtcNow();
        if (now - _cleanedAt < BetweenCleanings) return false;
        _cleanedAt = now;
        List<Message> all = [];
        _byTopic.All(all);
        foreach (var message in all.Where(message => message.IsExpired(now))) Forget_NeedsGate(message);
        return true;
    }

    private void Add_NeedsGate(Message message)
    {
        _byTopic.Set(message);
        _all = _all.With(message);
        metrics.Retained(_all.Topics, _all.Bytes);
        if (message.Publisher is null) return;
        ref var own = ref CollectionsMarshal.GetValueRefOrAddDefault(_byPublisher, message.Publisher, out _);
        own = own.With(message);
    }

    private void Forget_NeedsGate(Message message)
    {
        _byTopic.Remove(message.Topic);
        _all = _all.Without(message);
        metrics.Retained(_all.Topics, _all.Bytes);
        if (message.Publisher is null) return;
        var own = _byPublisher[message.Publisher].Without(message);
        if (own.Topics == 0) _byPublisher.Remove(message.Publisher);
        else _byPublisher[message.Publisher] = own;
    }

    /// <summary>What somebody's retained messages take.</summary>
    private readonly record struct Usage(int Topics, long Bytes)
    {
        public Usage With(Message message) => new(Topics + 1, Bytes + message.Size);

        public Usage Without(Message? message) => message is null ? this : new(Topics - 1, Bytes - message.Size);
    }
}
