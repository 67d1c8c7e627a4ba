using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Mqtt.Wire;

/// <summary>Bytes to packets, for one direction of one connection. Not thread-safe: the connection's read loop owns it.</summary>
/// <param name="limits">What to accept; checked before anything is allocated or waited for.</param>
public sealed class PacketReader(PacketLimits limits)
{
    private const int LongestFixedHeader = 1 + VariableInteger.MaxLength;
    private readonly TopicNameCache _topics = new();

    /// <summary>
    /// The version whose rules packets must keep, 3.1.1 unless set. A CONNECT sets it, even a refused one; a client sets what it asked for.
    /// </summary>
    public ProtocolVersion Version { get; set; } = ProtocolVersion.V311;

    /// <summary>
    /// Reads one packet and moves <paramref name="buffer"/> past it. False, with the buffer unmoved, when more bytes are needed;
    /// the packet owns its bytes, so the buffer may be released afterwards.
    /// </summary>
    /// <exception cref="ProtocolViolation">
    /// The bytes break the protocol or a limit. The connection must end: the rest of the stream has no meaning.
    /// </exception>
    public bool TryRead(ref ReadOnlySequence<byte> buffer, [NotNullWhen(true)] out Packet? packet)
    {
        packet = null;
        if (!TryReadFixedHeader(buffer, out var firstByte, out var headerLength, out var contentLength)) return false;
        RequireAllowedSize((PacketType)(firstByte >> 4), headerLength + contentLength);
        if (buffer.Length < headerLength + contentLength) return false;

        var content = buffer.Slice(headerLength, contentLength);
        packet = content.IsSingleSegment ? Parse(firstByte, content.FirstSpan) : ParseJoined(firstByte, content);
        buffer = buffer.Slice(content.End);
        return true;
    }

    private bool TryReadFixedHeader(in ReadOnlySequence<byte> buffer, out byte firstByte, out int headerLength, out int contentLength)
    {
        (firstByte, headerLength, contentLength) = (0, 0, 0);
        Span<byte> head = stackalloc byte[LongestFixedHeader];
        head = head[..(int)Math.Min(buffer.Length, LongestFixedHeader)];
        if (head.IsEmpty) return false;
        buffer.Slice(0, head.Length).CopyTo(head);

        firstByte = head[0];
        RequireKnownTypeAndFlags(firstByte); // refused at the first byte, not when the body is there
        var outcome = VariableInteger.TryRead(head[1..], out var value, out var length);
        if (outcome == VariableInteger.Outcome.TooLong)
            throw new ProtocolViolation(ReasonCode.MalformedPacket, "remaining length has more than 4 bytes");
        if (outcome == VariableInteger.Outcome.Incomplete) return false;
        if (Version == ProtocolVersion.V5 && length != VariableInteger.Length(value)) // [MQTT-1.5.5-1]; 3.1.1 allows a padded length
            throw new ProtocolViolation(ReasonCode.MalformedPacket, "remaining length is not in its shortest form");
        (headerLength, contentLength) = (1 + length, (int)value);
        return true;
    }

    private void RequireKnownTypeAndFlags(byte firstByte)
    {
        var type = (PacketType)(firstByte >> 4);
        if (type == 0 || (type == PacketType.Auth && Version != ProtocolVersion.V5))
            throw new ProtocolViolation(ReasonCode.MalformedPacket, $"packet type {firstByte >> 4} is reserved"); // [MQTT-2.1.2]
        var expected = type is PacketType.PubRel or PacketType.Subscribe or PacketType.Unsubscribe ? Packet.ReservedFlags : 0;
        if (type != PacketType.Publish && (firstByte & 0x0F) != expected) // [MQTT-2.1.3-1], 3.1.1 [MQTT-2.2.2-2]
            throw new ProtocolViolation(ReasonCode.MalformedPacket, $"{type} with flags {firstByte & 0x0F:X}, expected {expected:X}");
    }

    private void RequireAllowedSize(PacketType type, int size)
    {
        var allowed = type == PacketType.Connect ? Math.Min(limits.MaxConnectSize, limits.MaxPacketSize) : limits.MaxPacketSize;
        if (size > allowed)
            throw new ProtocolViolation(ReasonCode.PacketTooLarge, $"{type} of {size} bytes, {allowed} are allowed");
    }

    private Packet ParseJoined(byte firstByte, in ReadOnlySequence<byte> content)
    {
        var length = (int)content.Length;
        var joined = ArrayPool<byte>.Shared.Rent(length); // returned below; packets copy what they keep
        try
        {
            content.CopyTo(joined);
            return Parse(firstByte, joined.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(joined, clearArray: firstByte >> 4 == (int)PacketType.Connect); // a password must not stay behind
        }
    }

    private Packet Parse(byte firstByte, ReadOnlySpan<byte> content)
    {
        var type = (PacketType)(firstByte >> 4);
        var reader = new WireReader(content, Version, limits, _topics);
        try
        {
            var packet = ParseAs(type, firstByte & 0x0F, ref reader);
            reader.RequireEnd(type);
            return packet;
        }
        finally
        {
            Version = reader.Version; // after a bad CONNECT too: its refusal is written in the version it asked for
        }
    }

    private static Packet ParseAs(PacketType type, int flags, ref WireReader reader) => type switch
    {
        PacketType.Connect => ConnectPacket.Read(ref reader),
        PacketType.ConnAck => ConnAckPacket.Read(ref reader),
        PacketType.Publish => PublishPacket.Read(ref reader, flags),
        PacketType.PubAck => PubAckPacket.Read(ref reader),
        PacketType.PubRec => PubRecPacket.Read(ref reader),
        PacketType.PubRel => PubRelPacket.Read(ref reader),
        PacketType.PubComp => PubCompPacket.Read(ref reader),
        PacketType.Subscribe => SubscribePacket.Read(ref reader),
        PacketType.SubAck => SubAckPacket.Read(ref reader),
        PacketType.Unsubscribe => UnsubscribePacket.Read(ref reader),
        PacketType.UnsubAck => UnsubAckPacket.Read(ref reader),
        PacketType.PingReq => PingReqPacket.Instance,
        PacketType.PingResp => PingRespPacket.Instance,
        PacketType.Disconnect => DisconnectPacket.Read(ref reader),
        _ => AuthPacket.Read(ref reader),
    };
}
