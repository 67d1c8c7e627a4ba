using System.Buffers;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Tests;

public sealed class WriteAckTests
{
    public static TheoryData<ProtocolVersion, ReasonCode> Cases => new()
    {
        { ProtocolVersion.V311, ReasonCode.Success },
        { ProtocolVersion.V311, ReasonCode.PacketIdentifierNotFound },
        { ProtocolVersion.V5, ReasonCode.Success },
        { ProtocolVersion.V5, ReasonCode.PacketIdentifierNotFound },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Acknowledgement_has_the_bytes_of_its_packet(ProtocolVersion version, ReasonCode reason)
    {
        foreach (Packet packet in new Packet[]
        {
            new PubAckPacket { PacketId = 0x1234, Reason = reason }, new PubRecPacket { PacketId = 0x1234, Reason = reason },
            new PubRelPacket { PacketId = 0x1234, Reason = reason }, new PubCompPacket { PacketId = 0x1234, Reason = reason },
        })
        {
            var (expected, written) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
            PacketWriter.Write(expected, packet, version);
            PacketWriter.WriteAck(written, packet.Type, 0x1234, reason, version);
            Assert.Equal(expected.WrittenSpan.ToArray(), written.WrittenSpan.ToArray());
        }
    }

    [Fact]
    public void Packet_identifier_0_is_not_written() =>
        Assert.Throws<ArgumentException>(() => PacketWriter.WriteAck(new ArrayBufferWriter<byte>(), PacketType.PubAck, 0, ReasonCode.Success, ProtocolVersion.V5));

    [Fact]
    public void Nothing_but_acknowledgements_is_written() =>
        Assert.Throws<ArgumentException>(() => PacketWriter.WriteAck(new ArrayBufferWriter<byte>(), PacketType.SubAck, 1, ReasonCode.Success, ProtocolVersion.V5));
}
