using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Telemetry;

/// <summary>What waits in one stream, oldest first, and what the stream may hold. Changed by <see cref="Outbox"/> under its gate.</summary>
internal sealed class OutboxStream(string? name, TopicName topic, StreamPolicy policy)
{
    private const int LargestKeptQueue = 64;

    private readonly Queue<OutboxMessage> _waiting = new();

    public string? Name => name;

    public TopicName Topic => topic;

    public StreamPolicy Policy => policy;

    /// <summary>Messages held of this stream, also those on their way.</summary>
    public int Messages { get; private set; }

    public long Bytes { get; private set; }

    public OutboxMessage? Oldest
    {
        get
        {
            while (_waiting.TryPeek(out var message))
            {
                if (!message.IsGone)
                    return message;
                _waiting.Dequeue();                            // the disk did not take it
            }

            return null;
        }
    }

    public IReadOnlyCollection<OutboxMessage> Waiting => _waiting;

    public bool HasRoomFor(int size) => Messages < (policy.MaxMessages ?? int.MaxValue) && Bytes + size <= (policy.MaxBytes ?? long.MaxValue);

    public void Count(OutboxMessage message) => (Messages, Bytes) = (Messages + 1, Bytes + message.Size);

    public void Discount(OutboxMessage message) => (Messages, Bytes) = (Messages - 1, Bytes - message.Size);

    public void Enqueue(OutboxMessage message) => _waiting.Enqueue(message);

    public OutboxMessage Dequeue()
    {
        var message = _waiting.Dequeue();
        if (_waiting.Count == 0 && _waiting.Capacity > LargestKeptQueue)
            _waiting.TrimExcess();                             // what an outage has gathered has been sent
        return message;
    }

    public void Clear() => _waiting.Clear();
}
