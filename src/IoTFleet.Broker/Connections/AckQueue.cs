using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Connections;

/// <summary>A message that was accepted and waits for its turn: committed, then acknowledged, then routed.</summary>
/// <param name="Message">Null when only the acknowledgement is due: a refused message, or a QoS 2 message sent again.</param>
internal readonly record struct PendingAck(Message? Message, QualityOfService Qos, ushort PacketId, ReasonCode Reason, PropertyBlock Properties, Task Commit);

/// <summary>
/// Drains in arrival order whatever order the commits finish in: one publisher's acknowledgements and deliveries keep the order it
/// published in [MQTT-4.6.0-2, -3]. What was accepted is routed even if the publisher has gone meanwhile.
/// </summary>
/// <param name="earlier">What the session's earlier connections had published: its turn is first.</param>
internal sealed class AckQueue(ConnectionParts parts, PacketOutbox outbox, string clientId, int capacity, Task earlier, Action<PendingAck> commitFailed)
{
    private readonly Lock _gate = new();
    private readonly Queue<PendingAck> _pending = new();
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _empty;
    private bool _draining;
    private bool _failed;
    private int _unacknowledged;

    /// <summary>QoS 1 messages that have no answer yet; with the session's unreleased QoS 2 messages, what a client's send quota is measured against.</summary>
    public int Unacknowledged => Volatile.Read(ref _unacknowledged);

    public void Add(in PendingAck pending)
    {
        lock (_gate)
        {
            _pending.Enqueue(pending);
            if (pending.Qos == QualityOfService.AtLeastOnce) Interlocked.Increment(ref _unacknowledged);
            if (_draining) return;
            _draining = true;
        }

        _ = DrainAsync();
    }

    /// <summary>Holds the reader while the store is behind by a full window: for clients that know no Receive Maximum, and for all that it does not count.</summary>
    public ValueTask WaitForRoomAsync(CancellationToken closing)
    {
        lock (_gate)
        {
            if (_pending.Count < capacity) return default;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task.WaitAsync(closing));
        }
    }

    public Task WhenEmptyAsync()
    {
        lock (_gate)
        {
            if (_pending.Count == 0) return Task.CompletedTask;
            _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _empty.Task;
        }
    }

    private async Task DrainAsync()
    {
        await earlier;
        while (TryPeek(out var head))
        {
            if (!head.Commit.IsCompletedSuccessfully && !await CommittedAsync(head)) _failed = true;
            else Finish(head);
            Remove();
        }
    }

    private async Task<bool> CommittedAsync(PendingAck head)
    {
        try
        {
            await head.Commit;
            return true;
        }
        catch (Exception error)
        {
            // Any failure means the same to the publisher: not stored, so no acknowledgement. Closing makes it send again.
            if (head.Message is not null) parts.Logger.CommitFailed(error, clientId, head.Message.Topic.Value);
            commitFailed(head);
            return false;
        }
    }

    private void Finish(in PendingAck head)
    {
        if (!_failed) Acknowledge(head);     // after a gap nothing is acknowledged any more: acknowledgements keep the order of the messages
        if (head.Message is not null) Route(head.Message);
    }

    private void Route(Message message)
    {
        try
        {
            parts.Router.Route(message);
        }
        catch (Exception error)
        {
            parts.Logger.RoutingFailed(error, clientId, message.Topic.Value);    // nobody awaits the drain, and the messages behind this one are due all the same
        }
    }

    private void Acknowledge(in PendingAck head)
    {
        if (head.Qos == QualityOfService.AtMostOnce) return;
        if (head.Qos == QualityOfService.AtLeastOnce) Interlocked.Decrement(ref _unacknowledged);     // before the client can see the answer and send more
        if (head.Properties.IsEmpty) outbox.Acknowledge(head.Qos == QualityOfService.AtLeastOnce ? PacketType.PubAck : PacketType.PubRec, head.PacketId, head.Reason);
        else outbox.Send(Explained(head));
        if (head.Message is not null) parts.Metrics.Acked();
    }

    private static Packet Explained(in PendingAck head) => head.Qos == QualityOfService.AtLeastOnce
        ? new PubAckPacket { PacketId = head.PacketId, Reason = head.Reason, Properties = head.Properties }
        : new PubRecPacket { PacketId = head.PacketId, Reason = head.Reason, Properties = head.Properties };

    private bool TryPeek(out PendingAck head)
    {
        lock (_gate)
        {
            if (_pending.TryPeek(out head)) return true;
            _draining = false;
            _empty?.TrySetResult();
            _empty = null;
            return false;
        }
    }

    private void Remove()
    {
        lock (_gate)
        {
            _pending.Dequeue();
            if (_room is null || _pending.Count > capacity / 2) return;
            _room.TrySetResult();
            _room = null;
        }
    }
}
