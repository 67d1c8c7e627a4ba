using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Sessions;

// What the client answers to what it was sent, and the ids of what it sent itself at QoS 2.
internal sealed partial class Session
{
    /// <summary>QoS 2 messages of the client that are not released yet.</summary>
    public int InboundCount
    {
        get
        {
            lock (_gate) return _inbound.Count;
        }
    }

    /// <summary>PUBACK: the message has arrived and its id is free again.</summary>
    public void Acknowledged(ushort packetId) => Complete(packetId, QualityOfService.AtLeastOnce, released: false);

    /// <summary>PUBCOMP: the message has arrived and its id is free again.</summary>
    public void Completed(ushort packetId) => Complete(packetId, QualityOfService.ExactlyOnce, released: true);

    /// <summary>
    /// PUBREC: with success the message is the client's and only its id is still held [MQTT-4.3.3-4]; otherwise it is given up.
    /// </summary>
    /// <returns>Completes when that is stored. PUBREL must not leave before: the client forgets the id, and would take the message for a new one.</returns>
    public (bool Known, Task Stored) Received(ushort packetId, ReasonCode reason)
    {
        if (reason >= ReasonCode.UnspecifiedError) return (Complete(packetId, QualityOfService.ExactlyOnce, released: false), Task.CompletedTask);
        lock (_gate)
        {
            if (_queue.Release(packetId) is not { } released) return (false, Task.CompletedTask);
            return (true, _durable ? Append_NeedsGate(new StoreChange.DeliveryReleased(number, released.Order)) : Task.CompletedTask);
        }
    }

    /// <summary>A QoS 2 message that came before under this id and has not been released: then this one is the same again [MQTT-4.3.3-10].</summary>
    public InboundMessage? Inbound(ushort packetId)
    {
        lock (_gate) return _inbound.GetValueOrDefault(packetId);
    }

    public InboundMessage HoldInbound(ushort packetId)
    {
        lock (_gate) return _inbound[packetId] = new InboundMessage(_durable ? new StoreChange.InboundHeld(number, packetId) : null);
    }

    /// <summary>PUBREL.</summary>
    /// <returns>Completes when that is stored. PUBCOMP must not leave before: the client uses the id again, and its message would be taken for a duplicate.</returns>
    public (bool Known, Task Stored) ReleaseInbound(ushort packetId)
    {
        lock (_gate)
        {
            // Stored even if it is not known here: an earlier release may not have reached the store.
            return (_inbound.Remove(packetId), _durable ? Append_NeedsGate(new StoreChange.InboundReleased(number, packetId)) : Task.CompletedTask);
        }
    }

    /// <summary>The message could not be stored, so its id is free again; unless it is held by a later message meanwhile.</summary>
    public void GiveUpInbound(ushort packetId, InboundMessage failed)
    {
        lock (_gate)
        {
            if (_inbound.GetValueOrDefault(packetId) == failed) _inbound.Remove(packetId);
        }
    }

    private bool Complete(ushort packetId, QualityOfService qos, bool released)
    {
        lock (_gate)
        {
            if (_queue.Complete(packetId, qos, released) is not { } done) return false;
            parts.Budget.Give(done.Message.Size);
            if (done.Message is { Publisher: null, Properties.CorrelationData: not null }) parts.Signals.Say(new RequestTaken(clientId, done.Message.Topic));
            if (_durable) Append_NeedsGate(new StoreChange.DeliveryDone(number, done.Order));
            SendDue_NeedsGate();
            return true;
        }
    }
}

/// <summary>A QoS 2 message of the client, from PUBLISH to PUBREL.</summary>
/// <param name="held">What the store has to hold before PUBREC leaves; null when the session is not durable.</param>
internal sealed class InboundMessage(StoreChange? held) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
{
    /// <summary>One that was answered before, by another process.</summary>
    public static readonly InboundMessage Taken = AlreadyTaken();

    public StoreChange? Held => held;

    /// <summary>PUBREC is on its way, so PUBREL may come.</summary>
    public bool IsAnswered => Task.IsCompletedSuccessfully;

    private static InboundMessage AlreadyTaken()
    {
        var taken = new InboundMessage(null);
        taken.SetResult();
        return taken;
    }
}
