using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace IoTFleet.Broker;

/// <summary>
/// What the broker has done since it started. Plain counters first, because the console and <c>/overview</c> read them;
/// the same values are published as meters named <c>iotfleet.broker.*</c>.
/// </summary>
public sealed class BrokerMetrics : IDisposable
{
    private readonly Meter _meter = new("iotfleet.broker");
    private readonly ConcurrentDictionary<string, Counter> _refusals = new(StringComparer.Ordinal);
    private readonly long[] _drops = new long[Enum.GetValues<DropReason>().Length];
    private long _connections, _clients, _received, _acked, _delivered, _messagesRefused, _connectionsRefused, _paused, _retainedTopics, _retainedBytes;

    public BrokerMetrics()
    {
        _meter.CreateObservableGauge("iotfleet.broker.connections", () => Connections);
        _meter.CreateObservableCounter("iotfleet.broker.messages.received", () => MessagesReceived);
        _meter.CreateObservableCounter("iotfleet.broker.messages.acked", () => MessagesAcked);
        _meter.CreateObservableCounter("iotfleet.broker.messages.delivered", () => MessagesDelivered);
        _meter.CreateObservableCounter("iotfleet.broker.messages.dropped", () => Enum.GetValues<DropReason>()
            .Select(reason => new Measurement<long>(DroppedBecause(reason), new KeyValuePair<string, object?>("reason", reason.ToString()))));
        _meter.CreateObservableGauge("iotfleet.broker.retained.messages", () => RetainedMessages);
        _meter.CreateObservableGauge("iotfleet.broker.retained.bytes", () => RetainedBytes);
        _meter.CreateObservableCounter("iotfleet.broker.pauses", () => Pauses);
        _meter.CreateObservableCounter("iotfleet.broker.refusals", () => RefusalsByReason()
            .Select(refusal => new Measurement<long>(refusal.Value, new KeyValuePair<string, object?>("reason", refusal.Key))));
    }

    /// <summary>Clients connected now.</summary>
    public long Connections => Interlocked.Read(ref _connections);

    /// <summary>Clients let in since the start.</summary>
    public long ClientsSinceStart => Interlocked.Read(ref _clients);

    /// <summary>PUBLISH packets taken from clients, whatever became of them.</summary>
    public long MessagesReceived => Interlocked.Read(ref _received);

    /// <summary>QoS 1 and 2 messages acknowledged with success.</summary>
    public long MessagesAcked => Interlocked.Read(ref _acked);

    /// <summary>PUBLISH packets handed to subscribers' connections.</summary>
    public long MessagesDelivered => Interlocked.Read(ref _delivered);

    /// <summary>Messages that a subscriber did not get, for whatever <see cref="DropReason"/>.</summary>
    public long MessagesDropped => Enum.GetValues<DropReason>().Sum(DroppedBecause);

    /// <summary>How often a client was not read for a moment because it sent more than its rates allow.</summary>
    public long Pauses => Interlocked.Read(ref _paused);

    /// <summary>Messages refused: topic not allowed, or a payload the sink does not take.</summary>
    public long MessagesRefused => Interlocked.Read(ref _messagesRefused);

    /// <summary>Connections refused in the TLS handshake or at CONNECT.</summary>
    public long ConnectionsRefused => Interlocked.Read(ref _connectionsRefused);

    /// <summary>Topics with a retained message.</summary>
    public long RetainedMessages => Interlocked.Read(ref _retainedTopics);

    /// <summary>Their bytes, about what they take in memory.</summary>
    public long RetainedBytes => Interlocked.Read(ref _retainedBytes);

    public long DroppedBecause(DropReason reason) => Interlocked.Read(ref _drops[(int)reason]);

    public IReadOnlyDictionary<string, long> RefusalsByReason() =>
        _refusals.ToDictionary(refusal => refusal.Key, refusal => refusal.Value.Value, StringComparer.Ordinal);

    internal void ClientConnected()
    {
        Interlocked.Increment(ref _connections);
        Interlocked.Increment(ref _clients);
    }

    internal void ClientGone() => Interlocked.Decrement(ref _connections);

    internal void Received() => Interlocked.Increment(ref _received);

    internal void Acked() => Interlocked.Increment(ref _acked);

    internal void Delivered() => Interlocked.Increment(ref _delivered);

    internal void Paused() => Interlocked.Increment(ref _paused);

    internal void Dropped(DropReason reason) => Interlocked.Increment(ref _drops[(int)reason]);

    internal void Retained(int topics, long bytes)
    {
        Interlocked.Exchange(ref _retainedTopics, topics);
        Interlocked.Exchange(ref _retainedBytes, bytes);
    }

    internal void Refused(RefusalDoor door, string reason)
    {
        if (door is RefusalDoor.Publish) Interlocked.Increment(ref _messagesRefused);
        if (door is RefusalDoor.Handshake or RefusalDoor.Connect) Interlocked.Increment(ref _connectionsRefused);
        _refusals.GetOrAdd(reason, static _ => new Counter()).Increment();
    }

    public void Dispose() => _meter.Dispose();

    private sealed class Counter
    {
        private long _value;

        public long Value => Interlocked.Read(ref _value);

        public void Increment() => Interlocked.Increment(ref _value);
    }
}
