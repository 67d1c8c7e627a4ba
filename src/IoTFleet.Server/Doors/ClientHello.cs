using System.Buffers;
using System.Buffers.Binary;

namespace IoTFleet.Server.Doors;

/// <summary>Whether a client has said what a handshake begins with. Until then no TLS is set up for it: half a hello costs a socket and nothing else.</summary>
internal static class ClientHello
{
    private const byte HandshakeRecord = 22;        // RFC 8446 5.1
    private const int RecordHeader = 5;
    private const int LargestRecord = 16 * 1024;

    public enum Arrival { Part, Whole, NotTls }

    public static Arrival Of(in ReadOnlySequence<byte> said)
    {
        if (said.IsEmpty) return Arrival.Part;
        Span<byte> header = stackalloc byte[RecordHeader];
        header = header[..(int)Math.Min(said.Length, RecordHeader)];
        said.Slice(0, header.Length).CopyTo(header);
        if (header[0] != HandshakeRecord) return Arrival.NotTls;
        if (header.Length < RecordHeader) return Arrival.Part;
        var length = BinaryPrimitives.ReadUInt16BigEndian(header[3..]);
        if (length > LargestRecord) return Arrival.NotTls;
        return said.Length >= RecordHeader + length ? Arrival.Whole : Arrival.Part;
    }
}
