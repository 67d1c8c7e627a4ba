using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Connections;

// PUBACK, PUBREC, PUBCOMP for what we sent; PUBREL for what we received at QoS 2.
internal sealed partial class MqttConnection
{
    // An id that is not in flight is no reason to end the connection: after a lost acknowledgement a client may well repeat one.
    private void OnPubAck(PubAckPacket ack)
    {
        _session!.Acknowledged(ack.PacketId);
        PayRetained();
    }

    private void OnPubComp(PubCompPacket complete)
    {
        _session!.Completed(complete.PacketId);
        PayRetained();
    }

    private void OnPubRec(PubRecPacket received)
    {
        var (known, stored) = _session!.Received(received.PacketId, received.Reason);
        if (received.Reason >= ReasonCode.UnspecifiedError) return;
        _acks!.Answer(new PubRelPacket { PacketId = received.PacketId, Reason = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound }, stored);
    }

    private async ValueTask OnPubRelAsync(PubRelPacket release)
    {
        if (_session!.Inbound(release.PacketId) is { IsAnswered: false })
        {
            throw new ProtocolViolation(ReasonCode.ProtocolError, "PUBREL before PUBREC.");        // PUBCOMP would say more than the store does
        }

        await RoomForAnswerAsync();
        var (known, stored) = _session.ReleaseInbound(release.PacketId);
        _acks!.Answer(new PubCompPacket { PacketId = release.PacketId, Reason = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound }, stored);     // [MQTT-4.3.3-11]
    }

    /// <summary>Waits while the store is behind with what this client asked for, so that it cannot pile up requests.</summary>
    private async ValueTask RoomForAnswerAsync()
    {
        _keepAliveRests = true;     // a client that is not read is not silent
        try
        {
            await _acks!.WaitForRoomAsync(_closing.Token);
        }
        finally
        {
            Heard();
            _keepAliveRests = false;
        }
    }
}
