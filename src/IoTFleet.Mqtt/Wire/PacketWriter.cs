using System.Buffers;
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
