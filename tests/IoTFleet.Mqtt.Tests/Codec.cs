using System.Buffers;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Mqtt.Tests;

/// <summary>One packet through the reader or the writer.</summary>
internal static class Codec
{
    public static Packet Read(byte[] bytes, ProtocolVersion version, PacketLimits? limits = null)
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        Assert.True(Reader(version, limits).TryRead(ref buffer, out var packet), "the packet is incomplete");
        Assert.Equal(0, buffer.Length);
        return packet;
    }

    public static Packet Read(string notation, ProtocolVersion version, PacketLimits? limits = null) =>
        Read(Bytes.Of(notation), version, limits);

    public static ReasonCode Refusal(string notation, ProtocolVersion version, PacketLimits? limits = null) =>
        Assert.Throws<ProtocolViolation>(() => Read(notation, version, limits)).Reason;

    public static PacketReader Reader(ProtocolVersion version, PacketLimits? limits = null) => new(limits ?? PacketLimits.Default) { Version = version };

    public static byte[] Write(Packet packet, ProtocolVersion version)
    {
        var output = new ArrayBufferWriter<byte>();
        PacketWriter.Write(output, packet, version);
        return output.WrittenSpan.ToArray();
    }
}
