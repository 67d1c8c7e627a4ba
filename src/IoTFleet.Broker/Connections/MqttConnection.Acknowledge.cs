using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Connections;

// PUBACK, PUBREC, PUBCOMP for what we sent; PUBREL for what we received at QoS 2.
internal sealed partial class MqttConnection
{
    // An id that is not in flight is no reason to end the connection: after a lost acknowledgement a client may well repeat one.
    private void OnPubAck(PubAckPacket ack) => _session!.Acknowledged(ack.PacketId);

    private void OnPubComp(PubCompPacket complete) => _session!.Completed(complete.PacketId);

    private void OnPubRec(PubRecPacket received)
    {
        var known = _session!.Received(received.PacketId, received.Reason);
        if (received.Reason >= ReasonCode.UnspecifiedError) return;
        _outbox.Acknowledge(PacketType.PubRel, received.PacketId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
    }

    private void OnPubRel(PubRelPacket release)
    {
        if (_session!.InboundCommit(release.PacketId) is { IsCompletedSuccessfully: false })
        {
            throw new ProtocolViolation(ReasonCode.ProtocolError, "PUBREL before PUBREC.");        // PUBCOMP would say more than the store does
        }

        var known = _session.ReleaseInbound(release.PacketId);
        _outbox.Acknowledge(PacketType.PubComp, release.PacketId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);     // [MQTT-4.3.3-11]
    }
}
