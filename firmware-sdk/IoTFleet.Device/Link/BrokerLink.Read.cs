using System.Runtime.CompilerServices;
using IoTFleet.Device.Commands;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Device.Link;

internal sealed partial class BrokerLink
{
    private async Task<LinkEnd> ReadLoopAsync(CancellationToken ending)
    {
        while (true)
        {
            if (Handle(await ReceiveAsync(ending)) is { } end)
                return end;
        }
    }

    // Pooled: it waits once for each acknowledgement.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Packet> ReceiveAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var read = await _input.ReadAsync(cancellation);
            var buffer = read.Buffer;
            if (_packets.TryRead(ref buffer, out var packet))
            {
                _input.AdvanceTo(buffer.Start);
                return packet;
            }

            _input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
                throw new EndOfStreamException("the server closed it.");
        }
    }

    // Returns the connection's end when the packet is one.
    private LinkEnd? Handle(Packet packet)
    {
        switch (packet)
        {
            case PubAckPacket ack:
                OnAck(ack);
                return null;
            case PublishPacket publish:
                OnPublish(publish);
                return null;
            case PingRespPacket:
                Volatile.Write(ref _pingAskedAt, NoPing);
                return null;
            case SubAckPacket answer:
                return OnSubscribed(answer);
            case DisconnectPacket bye:
                return LinkEnd.ByServer("DISCONNECT", bye.Reason, bye.Properties);
            default:
                throw new ProtocolViolation(ReasonCode.ProtocolError, $"unexpected {packet.Type}");
        }
    }

    private void OnAck(PubAckPacket ack)
    {
        if (Twin?.Settle(ack) == true)
            return;
        if (PacketIds.IsAnswer(ack.PacketId))
        {
            OnAnswerAck(ack);
            return;
        }

        if (_outbox.Settle(ack.PacketId) is not { } message)
            return;                                            // answers nothing of ours; harmless

        if (ack.Reason < ReasonCode.UnspecifiedError)
            message.Complete(ack.Reason);
        else
            Tell(message.Refuse(ack.Reason, ack.Properties.ReasonString));
        _doorbell.Ring();                                      // the window has room
    }

    private void OnAnswerAck(PubAckPacket ack)
    {
        if (_answers.Settle(ack.PacketId) is not { } answer)
            return;
        if (ack.Reason >= ReasonCode.UnspecifiedError)
            Tell(new DeviceException(DeviceError.CommandFailed, $"The server refused the answer to command {answer.CommandId}: 0x{(byte)ack.Reason:X2} {ack.Reason}, {ack.Properties.ReasonString}"));
        _ = _ledger.StoredAsync(answer.CommandId);             // tells of its own troubles, and nobody waits for it
        _doorbell.Ring();                                      // the window has room
    }

    private void OnPublish(PublishPacket publish)
    {
        if (publish.Qos == QualityOfService.ExactlyOnce)       // [MQTT-3.8.4-8]: the subscription asked for QoS 1 at most
            throw new ProtocolViolation(ReasonCode.QosNotSupported, "QoS 2 to a QoS 1 subscription");
        if (Twin is { } twin && publish.Topic?.Value == twin.NewsTopic)
        {
            twin.Take(publish);
            return;
        }

        if (publish.Topic is not { } topic || !topic.Value.StartsWith(_commandTopic, StringComparison.Ordinal))
            throw new ProtocolViolation(ReasonCode.TopicNameInvalid, "a message outside this device's commands");

        _inbox.Offer(CommandFrom(topic.Value[_commandTopic.Length..], publish), publish.PacketId);
    }

    private DeviceCommand CommandFrom(string below, PublishPacket publish)
    {
        var (name, id) = CommandAddress.Of(below, publish, _answerTopic, _options.Protocol == ProtocolVersion.V5);
        var now = _options.Clock.GetUtcNow();
        return new DeviceCommand(name, publish.Payload, now)
        {
            Id = id,
            Deadline = publish.Properties.MessageExpiryInterval is { } seconds ? now.AddSeconds(seconds) : null,
            Life = publish.Properties.MessageExpiryInterval is { } time ? (_options.Clock.GetTimestamp(), TimeSpan.FromSeconds(time)) : null,
            Answerer = id is null ? null : answer => _ledger.AnswerAsync(id, answer.ToWire()),
            Abandoner = id is null ? null : () => _ledger.AbandonAsync(id),
        };
    }

    private LinkEnd? OnSubscribed(SubAckPacket answer)
    {
        if (answer.PacketId != SubscribeId || answer.Reasons.Count != (Twin is null ? 1 : 2))
            throw new ProtocolViolation(ReasonCode.ProtocolError, "SUBACK for no subscription of this device");
        if (answer.Reasons.Max() is >= ReasonCode.UnspecifiedError and var refusal)
            return LinkEnd.ByServer("SUBACK", refusal, answer.Properties);
        _subscribed = true;
        return null;
    }
}
