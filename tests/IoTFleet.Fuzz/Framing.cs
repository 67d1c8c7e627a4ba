namespace IoTFleet.Fuzz;

/// <summary>How far a stream of bytes has come, by the fixed headers alone: written a second time so that the reader is not judged by itself.</summary>
/// <param name="Pings">Whole PINGREQ packets in it.</param>
/// <param name="Missing">Bytes until the packet that was begun is whole; 1 while its header is not, 0 at a border, null where the stream has no meaning any more.</param>
internal readonly record struct Framing(int Pings, int? Missing)
{
    private const int PingReq = 12;

    public static Framing Of(ReadOnlySpan<byte> stream, int largest)
    {
        var pings = 0;
        while (!stream.IsEmpty)
        {
            var (length, header) = Length(stream);
            if (header > 5) return new Framing(pings, null);
            if (header == 0) return new Framing(pings, 1);
            if (header + length > largest) return new Framing(pings, null);
            if (header + length > stream.Length) return new Framing(pings, header + length - stream.Length);
            if (stream[0] >> 4 == PingReq) pings++;
            stream = stream[(header + length)..];
        }

        return new Framing(pings, 0);
    }

    private static (int Length, int Header) Length(ReadOnlySpan<byte> stream)
    {
        var length = 0;
        for (var at = 1; at < stream.Length; at++)
        {
            if (at > 4) return (0, 6);
            length |= (stream[at] & 0x7F) << (7 * (at - 1));
            if (stream[at] < 0x80) return (length, at + 1);
        }

        return stream.Length > 4 ? (0, 6) : (0, 0);
    }
}
