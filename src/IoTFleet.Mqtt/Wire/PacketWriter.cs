using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Mqtt.Wire;

/// <summary>
/// Packet to bytes. Throws <see cref="ArgumentException"/> for a packet that the wire cannot hold: a text of more than 65,535 bytes, a packet
/// identifier of 0, AUTH in 3.1.1.
/// </summary>
public static class PacketWriter
{
    /// <summary>
    /// Writes one whole packet and advances the output past it. Writes nothing when it throws. A CONNECT is written in its own <see
    /// cref="ConnectPacket.Version"/>.
    /// </summary>
    /// <exception cref="ArgumentException">The packet cannot be expressed in this version.</exception>
    public static void Write(IBufferWriter<byte> output, Packet packet, ProtocolVersion version)
    {
        var contentLength = MeasureContent(packet, version);
        var size = WithFixedHeader(contentLength);
        var writer = WireWriter.Into(output.GetSpan(size)[..size], version);
        writer.WriteByte((byte)((int)packet.Type << 4 | packet.Flags));
        writer.WriteVariableInteger((uint)contentLength);
        packet.Write(ref writer);
        Debug.Assert(writer.Length == size);
        output.Advance(size);
    }

    /// <summary>Writes a PUBACK, PUBREC, PUBREL or PUBCOMP without properties, as <see cref="Write"/> would write such a packet.</summary>
    /// <exception cref="ArgumentException">Another type of packet, or the packet identifier is 0.</exception>
    public static void WriteAck(IBufferWriter<byte> output, PacketType type, ushort packetId, ReasonCode reason, ProtocolVersion version)
    {
        if (type is < PacketType.PubAck or > PacketType.PubComp) throw new ArgumentException($"{type} is no acknowledgement of a message.", nameof(type));
        if (packetId == 0) throw new ArgumentException("A packet identifier must be 1 to 65,535.", nameof(packetId)); // [MQTT-2.2.1-3]
        var hasReason = version == ProtocolVersion.V5 && reason != ReasonCode.Success; // 3.4.2.1
        var bytes = output.GetSpan(5);
        bytes[0] = (byte)((int)type << 4 | (type == PacketType.PubRel ? Packet.ReservedFlags : 0)); // [MQTT-3.6.1-1]
        bytes[1] = (byte)(hasReason ? 3 : 2);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], packetId);
        if (hasReason) bytes[4] = (byte)reason;
        output.Advance(hasReason ? 5 : 4);
    }

    /// <summary>
    /// The size in bytes that <see cref="Write"/> would produce, fixed header included: the number to compare with a peer's Maximum Packet Size
    /// (MQTT 5.0, 3.1.2.11.4).
    /// </summary>
    /// <exception cref="ArgumentException">The packet cannot be expressed in this version.</exception>
    public static int Measure(Packet packet, ProtocolVersion version) => WithFixedHeader(MeasureContent(packet, version));

    private static int MeasureContent(Packet packet, ProtocolVersion version)
    {
        var counter = WireWriter.Counting(version);
        packet.Write(ref counter);
        return counter.Length <= VariableInteger.Max
            ? counter.Length
            : throw new ArgumentException($"The {packet.Type} packet has {counter.Length} bytes of content; {VariableInteger.Max} fit in a packet.");
    }

    private static int WithFixedHeader(int contentLength) => 1 + VariableInteger.Length((uint)contentLength) + contentLength;
}
