using System.Text.Unicode;
using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Connections;

// PUBLISH in: alias, authorise, sink, acknowledge in order, route.
internal sealed partial class MqttConnection
{
    private TopicName?[]? _aliases;

    private async ValueTask OnPublishAsync(PublishPacket publish)
    {
        _parts.Metrics.Received();
        if (publish.Properties.SubscriptionIdentifiers.Count > 0) throw new ProtocolViolation(ReasonCode.ProtocolError, "A client's PUBLISH may not have a subscription identifier.");     // [MQTT-3.3.4-6]
        var topic = ResolveAlias(publish);
        var earlier = SameBefore(publish);
        if (earlier is null) CheckQuota(publish);
        _keepAliveRests = true;     // we may wait for our own store now, and a client that is not read is not silent
        try
        {
            await _acks!.WaitForRoomAsync(_closing.Token);
            if (earlier is null) await TakeAsync(publish, topic);
            else _acks.Add(new PendingAck(null, publish.Qos, publish.PacketId, ReasonCode.Success, PropertyBlock.None, earlier.Task));     // only its PUBREC is due, once it is stored
        }
        finally
        {
            Heard();
            _keepAliveRests = false;
        }
    }

    private async ValueTask TakeAsync(PublishPacket publish, TopicName topic)
    {
        if (!MayPublish(_principal!, topic))
        {
            RefuseMessage(publish, ReasonCode.NotAuthorized, "publish-not-authorized", $"Topic {topic.Value} is not this client's to publish.");
            return;
        }

        if (!IsWhatItSays(publish.Payload, publish.Properties))
        {
            RefuseMessage(publish, ReasonCode.PayloadFormatInvalid, "payload-format", $"The payload on {topic.Value} says that it is UTF-8 text and is not.");
            return;
        }

        var message = Message.From(publish, topic, _principal!.ClientId, _parts.Clock.GetUtcNow());
        if (publish.Retain && _parts.Retained.Exceeded(message, _principal.RateShare) is { } exceeded)
        {
            RefuseMessage(publish, ReasonCode.QuotaExceeded, "retained-full", $"Topic {topic.Value} cannot be retained: {exceeded} is reached.");
            return;
        }

        var acceptance = await AcceptAsync(message);     // waits for room only: a full store slows this socket
        if (acceptance.IsRefused)
        {
            RefuseMessage(publish, acceptance.Reason, acceptance.Cause ?? "payload-refused", acceptance.Detail ?? "The payload was refused.");
            return;
        }

        var inbound = publish.Qos == QualityOfService.ExactlyOnce ? _session!.HoldInbound(publish.PacketId) : null;
        _acks!.Add(new PendingAck(message, publish.Qos, publish.PacketId, acceptance.Reason, PropertyBlock.None, acceptance.Commit, inbound));
    }

    /// <summary>What the server says of itself nobody else says, whatever the policy.</summary>
    private bool MayPublish(Principal principal, TopicName topic) => !SysTopics.Holds(topic) && _parts.Access.MayPublish(principal, topic);

    /// <summary>Checked once, here, so that receivers can trust it (MQTT 5 3.3.2.3.2).</summary>
    private static bool IsWhatItSays(ReadOnlyMemory<byte> payload, PropertyBlock properties) => properties.PayloadFormatIndicator != 1 || Utf8.IsValid(payload.Span);

    /// <summary>A sink that throws has not stored the message: a failed commit, in its turn. Let through, an IOException of the store would pass for a lost socket.</summary>
    private async ValueTask<Acceptance> AcceptAsync(Message message)
    {
        try
        {
            return await _parts.Sink.AcceptAsync(message, _principal!, _closing.Token);
        }
        catch (Exception error) when (!IsClosing)
        {
            return new Acceptance(ReasonCode.Success, Task.FromException(error));
        }
    }

    /// <summary>MQTT 5 3.3.2.3.4. An alias lives as long as the connection.</summary>
    private TopicName ResolveAlias(PublishPacket publish)
    {
        if (publish.Properties.TopicAlias is not { } alias)
        {
            return publish.Topic ?? throw new ProtocolViolation(ReasonCode.ProtocolError, "PUBLISH without topic and without topic alias.");
        }

        if (alias > _parts.Options.TopicAliasMaximum)                                                                       // [MQTT-3.3.2-9]
        {
            throw new ProtocolViolation(ReasonCode.TopicAliasInvalid, $"Topic alias {alias} is above the maximum of {_parts.Options.TopicAliasMaximum}.");
        }

        _aliases ??= new TopicName?[_parts.Options.TopicAliasMaximum + 1];
        if (publish.Topic is not null) return _aliases[alias] = publish.Topic;
        return _aliases[alias] ?? throw new ProtocolViolation(ReasonCode.ProtocolError, $"Topic alias {alias} was not set before.");
    }

    /// <summary>
    /// A v5 client knows our Receive Maximum and may not pass it [MQTT-3.3.4-7]. A 3.1.1 client is slowed by AckQueue instead; but that does not make it
    /// release its QoS 2 messages, and their ids are held here.
    /// </summary>
    private void CheckQuota(PublishPacket publish)
    {
        if (publish.Qos == QualityOfService.AtMostOnce) return;
        var (unacknowledged, allowed) = Version == ProtocolVersion.V5
            ? (_acks!.Unacknowledged + _session!.InboundCount, _parts.Options.ReceiveMaximum)
            : (_session!.InboundCount, _parts.Options.MaxUnreleased);
        if (unacknowledged >= allowed) throw new ProtocolViolation(ReasonCode.ReceiveMaximumExceeded, $"More than {allowed} messages that are not acknowledged or released.");
    }

    /// <summary>A QoS 2 message whose id is still held has been accepted before and is not taken again [MQTT-4.3.3-10].</summary>
    private InboundMessage? SameBefore(PublishPacket publish) =>
        publish.Qos == QualityOfService.ExactlyOnce ? _session!.Inbound(publish.PacketId) : null;

    /// <summary>Called from the AckQueue. The client sends the message again on its next connection, and then it must be taken as a new one.</summary>
    private void OnCommitFailed(PendingAck failed)
    {
        if (failed.Inbound is not null) _session!.GiveUpInbound(failed.PacketId, failed.Inbound);
        Close(ReasonCode.ServerBusy, "it could not be stored");
    }

    /// <summary>Called from the AckQueue, in the message's turn: its answer carries the reason, and it goes no further.</summary>
    private PendingAck OnRefusedLate(PendingAck pending, LateRefusal refusal)
    {
        Refuse(RefusalDoor.Publish, refusal.Cause, refusal.Detail);
        if (pending.Inbound is not null) _session!.GiveUpInbound(pending.PacketId, pending.Inbound);
        return Version == ProtocolVersion.V5
            ? pending with { Message = null, Reason = refusal.Reason, Properties = Explain(refusal.Detail) }
            : pending with { Message = null };
    }

    /// <summary>
    /// MQTT 5 has a reason code for it. 3.1.1 has none, and an acknowledgement would say that the message was taken,
    /// so the connection is closed instead [MQTT-3.3.5-2 of 3.1.1] - unless it is the payload that is wrong: the client would send the same again
    /// on each new connection, and never anything behind it. A QoS 0 message is just not taken.
    /// </summary>
    private void RefuseMessage(PublishPacket publish, ReasonCode code, string reason, string detail)
    {
        Refuse(RefusalDoor.Publish, reason, detail);
        if (publish.Qos == QualityOfService.AtMostOnce) return;
        if (Version == ProtocolVersion.V5) _acks!.Add(new PendingAck(null, publish.Qos, publish.PacketId, code, Explain(detail), Task.CompletedTask));
        else if (code == ReasonCode.PayloadFormatInvalid) _acks!.Add(new PendingAck(null, publish.Qos, publish.PacketId, ReasonCode.Success, PropertyBlock.None, Task.CompletedTask));
        else Close(code, detail);
    }
}
