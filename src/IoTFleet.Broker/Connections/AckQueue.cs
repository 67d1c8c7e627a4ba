using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Connections;

/// <summary>A message that was accepted and waits for its turn: committed, routed and stored, then acknowledged and delivered.</summary>
/// <param name="Message">Null when only the acknowledgement is due: a refused message, or a QoS 2 message sent again.</param>
/// <param name="Inbound">A QoS 2 message's hold on its packet id.</param>
internal readonly record struct PendingAck(
    Message? Message, QualityOfService Qos, ushort PacketId, ReasonCode Reason, PropertyBlock Properties, Task Commit, InboundMessage? Inbound = null);

/// <summary>
/// Drains in arrival order whatever order the commits finish in: one publisher's acknowledgements and deliveries keep the order it
/// published in [MQTT-4.6.0-2, -3]. What was accepted is routed even if the publisher has gone meanwhile.
/// <code>
///   Add ─▶ waits for the sink ─▶ routed: rows appended ─▶ waits for the store ─▶ acknowledged, delivered
///                                                           ▲
///   Answer (SUBACK, PUBREL, ...) ───────────────────────────┘        nothing to wait for: all of it happens at once
/// </code>
/// </summary>
/// <param name="earlier">What the session's earlier connections had published: its turn is first.</param>
/// <param name="commitFailed">The message is not stored, and gets no answer.</param>
/// <param name="refused">The store has looked and does not take the message: what is to be answered instead.</param>
internal sealed class AckQueue(ConnectionParts parts, PacketOutbox outbox, string clientId, int capacity, Task earlier, Action<PendingAck> commitFailed, Func<PendingAck, LateRefusal, PendingAck> refused)
{
    private readonly Lock _gate = new();
    private readonly Queue<PendingAck> _committing = new();
    private readonly Queue<Storing> _storing = new();
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _empty;
    private bool _drainsCommits;
    private bool _drainsStore;
    private volatile bool _failed;
    private int _unacknowledged;

    /// <summary>QoS 1 messages that have no answer yet; with the session's unreleased QoS 2 messages, what a client's send quota is measured against.</summary>
    public int Unacknowledged => Volatile.Read(ref _unacknowledged);

    public void Add(in PendingAck pending)
    {
        lock (_gate)
        {
            _committing.Enqueue(pending);
            if (pending.Qos == QualityOfService.AtLeastOnce) Interlocked.Increment(ref _unacknowledged);
            if (_drainsCommits) return;
            _drainsCommits = true;
        }

        _ = DrainCommitsAsync();
    }

    /// <summary>Sends a packet that must not leave before something is stored.</summary>
    public void Answer(Packet answer, Task stored) => FinishInTurn(new Storing(default, default, new Due(answer, stored, null, null), null));

    /// <summary>The same for a unit, which is then delivered.</summary>
    /// <param name="held">The session that lets nothing pass until the answer has left.</param>
    public void Answer(Packet answer, StoreUnit unit, Session? held = null) => FinishInTurn(new Storing(default, default, new Due(answer, unit.Stored, unit, held), null));

    /// <summary>Holds the reader while the store is behind by a full window: for clients that know no Receive Maximum, and for all that it does not count.</summary>
    public ValueTask WaitForRoomAsync(CancellationToken closing)
    {
        lock (_gate)
        {
            if (Count_NeedsGate < capacity) return default;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task.WaitAsync(closing));
        }
    }

    public Task WhenEmptyAsync()
    {
        lock (_gate)
        {
            if (Count_NeedsGate == 0) return Task.CompletedTask;
            _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _empty.Task;
        }
    }

    private int Count_NeedsGate => _committing.Count + _storing.Count;

    private bool IsBehindOthers
    {
        get
        {
            lock (_gate) return _storing.Count > 0;
        }
    }

    private async Task DrainCommitsAsync()
    {
        await earlier;
        var batch = WriteBatch.Begin();     // commits come many at a time: their acknowledgements leave together
        try
        {
            while (TryPeekCommit(out var head))
            {
                var failure = default(Exception);
                if (!head.Commit.IsCompletedSuccessfully)
                {
                    batch.End();
                    failure = await FailureOfAsync(head.Commit);
                    batch = WriteBatch.Begin();
                }

                var answer = failure is null && Acceptance.VerdictOf(head.Commit) is { } refusal ? refused(head, refusal) : head;
                GoOn(answer, failure);
                RemoveCommit();
            }
        }
        finally
        {
            batch.End();
        }
    }

    private async Task DrainStoreAsync()
    {
        var batch = WriteBatch.Begin();
        try
        {
            while (TryPeekStoring(out var head))
            {
                if (!head.Stored.IsCompletedSuccessfully)
                {
                    batch.End();
                    head = head with { Failure = await FailureOfAsync(head.Stored) };
                    batch = WriteBatch.Begin();
                }

                Finish(head);
                RemoveStoring();
            }
        }
        finally
        {
            batch.End();
        }
    }

    private static async Task<Exception?> FailureOfAsync(Task task)
    {
        try
        {
            await task;
            return null;
        }
        catch (Exception error)
        {
            return error;       // any failure means the same to the client: not stored, so no answer; closing makes it ask again
        }
    }

    private void GoOn(in PendingAck head, Exception? failure) => FinishInTurn(new Storing(head, failure is null ? Route(head) : default, null, failure));

    private Routed Route(in PendingAck head)
    {
        if (head.Message is null) return default;
        try
        {
            return parts.Router.Route(head.Message, head.Inbound?.Held);
        }
        catch (Exception error)
        {
            parts.Logger.RoutingFailed(error, clientId, head.Message.Topic.Value);    // nobody awaits the drain, and the messages behind this one are due all the same
            return default;
        }
    }

    private void FinishInTurn(in Storing storing)
    {
        if (IsBehindOthers || !storing.Stored.IsCompletedSuccessfully) Store(storing);
        else Finish(storing);
    }

    private void Store(in Storing storing)
    {
        lock (_gate)
        {
            _storing.Enqueue(storing);
            if (_drainsStore) return;
            _drainsStore = true;
        }

        _ = DrainStoreAsync();
    }

    private void Finish(in Storing head)
    {
        if (head.Failure is not null)
        {
            Fail(head);
            return;
        }

        head.Ack.Inbound?.TrySetResult();        // before PUBREC can bring PUBREL
        if (!_failed) Acknowledge(head.Ack);     // after a gap nothing is acknowledged any more: acknowledgements keep the order of the messages
        Deliver(head);
    }

    private void Fail(in Storing head)
    {
        _failed = true;
        head.Routed.TakeBack();
        head.Answer?.Unit?.TakeBack();
        if (head.Ack.Message is { } message) parts.Logger.CommitFailed(head.Failure!, clientId, message.Topic.Value);
        else if (head.Answer is not null) parts.Logger.AnswerNotStored(head.Failure!, clientId);
        commitFailed(head.Ack);
        head.Ack.Inbound?.TrySetCanceled();     // sent again meanwhile on a new connection, it waits for this
    }

    private void Deliver(in Storing head)
    {
        try
        {
            head.Routed.Deliver();
            if (!_failed) head.Answer?.Send(outbox);
        }
        catch (Exception error)
        {
            parts.Logger.RoutingFailed(error, clientId, head.Ack.Message?.Topic.Value ?? "(retained)");
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

    private bool TryPeekCommit(out PendingAck head)
    {
        lock (_gate)
        {
            if (_committing.TryPeek(out head)) return true;
            _drainsCommits = false;
            ReleaseWaiters_NeedsGate();
            return false;
        }
    }

    private bool TryPeekStoring(out Storing head)
    {
        lock (_gate)
        {
            if (_storing.TryPeek(out head)) return true;
            _drainsStore = false;
            ReleaseWaiters_NeedsGate();
            return false;
        }
    }

    private void RemoveCommit()
    {
        lock (_gate)
        {
            _committing.Dequeue();
            ReleaseWaiters_NeedsGate();
        }
    }

    private void RemoveStoring()
    {
        lock (_gate)
        {
            _storing.Dequeue();
            ReleaseWaiters_NeedsGate();
        }
    }

    private void ReleaseWaiters_NeedsGate()
    {
        if (_room is not null && Count_NeedsGate <= capacity / 2)
        {
            _room.TrySetResult();
            _room = null;
        }

        if (_empty is not null && Count_NeedsGate == 0)
        {
            _empty.TrySetResult();
            _empty = null;
        }
    }

    /// <summary>What waits for the store: the acknowledgement of a message, or another answer.</summary>
    private readonly record struct Storing(PendingAck Ack, Routed Routed, Due? Answer, Exception? Failure)
    {
        public Task Stored => Answer?.Stored ?? Routed.Stored;
    }

    private sealed record Due(Packet Packet, Task Stored, StoreUnit? Unit, Session? Held)
    {
        /// <summary>What a subscription is owed is put behind the session's hold, which the answer passes first.</summary>
        public void Send(PacketOutbox outbox)
        {
            Unit?.Deliver();
            if (Held is null) outbox.Send(Packet);
            else Held.Resume(outbox, Packet);
        }
    }
}
