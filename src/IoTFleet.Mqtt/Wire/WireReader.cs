using System.Buffers.Binary;
using System.Text;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Wire;

/// <summary>
/// Reads the standard's data types (MQTT 5.0, 1.5) from the content of one packet. Each read is checked against the end; <c>what</c> names the
/// field for the log.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> content, ProtocolVersion version, PacketLimits limits, TopicNameCache topics)
{
    private ReadOnlySpan<byte> _rest = content;

    /// <summary>The version whose rules apply from here on; CONNECT sets it as soon as it has read it.</summary>
    public ProtocolVersion Version { get; set; } = version;

    public readonly PacketLimits Limits => limits;

    public readonly bool AtEnd => _rest.IsEmpty;

    public readonly int Remaining => _rest.Length;

    public byte ReadByte(string what) => Take(1, what)[0];

    public ushort ReadUInt16(string what) => BinaryPrimitives.ReadUInt16BigEndian(Take(2, what));

    public uint ReadUInt32(string what) => BinaryPrimitives.ReadUInt32BigEndian(Take(4, what));

    public uint ReadVariableInteger(string what)
    {
        var outcome = VariableInteger.TryRead(_rest, out var value, out var length);
        if (outcome == VariableInteger.Outcome.Incomplete) throw Truncated(what);
        if (outcome == VariableInteger.Outcome.TooLong || length != VariableInteger.Length(value)) // [MQTT-1.5.5-1]
            throw new ProtocolViolation(ReasonCode.MalformedPacket, $"{what} is not a variable byte integer in its shortest form");
        _rest = _rest[length..];
        return value;
    }

    public ushort ReadPacketId()
    {
        var id = ReadUInt16("packet identifier");
        if (id == 0) throw new ProtocolViolation(ReasonCode.MalformedPacket, "packet identifier is 0"); // [MQTT-2.2.1-3], 3.1.1 [MQTT-2.3.1-1]
        return id;
    }

    public ReadOnlySpan<byte> ReadBinary(string what) => Take(ReadUInt16(what), what);

    /// <summary>What the next text says of its length; 0 where there is none.</summary>
    public readonly int PeekLength() => _rest.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(_rest);

    /// <summary>Steps over a text of length 0; leaves any other text where it is.</summary>
    public bool TryReadEmptyText()
    {
        if (!_rest.StartsWith("\0\0"u8)) return false;
        _rest = _rest[2..];
        return true;
    }

    public string ReadText(string what) => Encoding.UTF8.GetString(ReadUtf8(what));

    public TopicName ReadTopicName(string what)
    {
        var utf8 = ReadBinary(what);
        return topics.Find(utf8) ?? topics.Keep(ParseTopicName(utf8, what));
    }

    public TopicFilter ReadTopicFilter()
    {
        var utf8 = ReadUtf8("topic filter");
        RequireAllowedSize(utf8, ReasonCode.TopicFilterInvalid, "topic filter");
        return TopicFilter.TryParse(Encoding.UTF8.GetString(utf8), out var filter)
            ? filter
            : throw new ProtocolViolation(ReasonCode.MalformedPacket, "topic filter is empty or has a wildcard or share name where none may be");
    }

    public ReadOnlySpan<byte> ReadRest() => Take(_rest.Length, "content");

    /// <summary>Splits off the next <paramref name="length"/> bytes as a reader of their own.</summary>
    public WireReader ReadSection(uint length, string what)
    {
        if (length > _rest.Length) throw Truncated(what);
        return new WireReader(Take((int)length, what), Version, limits, topics);
    }

    public readonly void RequireEnd(PacketType type)
    {
        if (!AtEnd) throw new ProtocolViolation(ReasonCode.MalformedPacket, $"{type} has {_rest.Length} bytes too many");
    }

    public readonly void RequireRoomForTopic(int count)
    {
        if (count >= limits.MaxTopicsPerPacket)
            throw new ProtocolViolation(ReasonCode.QuotaExceeded, $"more than {limits.MaxTopicsPerPacket} topic filters in one packet");
    }

    private readonly TopicName ParseTopicName(ReadOnlySpan<byte> utf8, string what)
    {
        RequireText(utf8, what);
        RequireAllowedSize(utf8, ReasonCode.TopicNameInvalid, what);
        return TopicName.TryParse(Encoding.UTF8.GetString(utf8), out var topic)
            ? topic
            : throw new ProtocolViolation(ReasonCode.TopicNameInvalid, $"{what} is empty or has a wildcard"); // [MQTT-3.3.2-2] [MQTT-4.7.3-1]
    }

    private readonly void RequireAllowedSize(ReadOnlySpan<byte> utf8, ReasonCode reason, string what)
    {
        if (utf8.Length > limits.MaxTopicLength)
            throw new ProtocolViolation(reason, $"{what} has {utf8.Length} bytes, {limits.MaxTopicLength} are allowed");
        var levels = utf8.Count((byte)'/') + 1;
        if (levels > limits.MaxTopicLevels)
            throw new ProtocolViolation(reason, $"{what} has {levels} levels, {limits.MaxTopicLevels} are allowed");
    }

    private ReadOnlySpan<byte> ReadUtf8(string what)
    {
        var utf8 = ReadBinary(what);
        RequireText(utf8, what);
        return utf8;
    }

    private static void RequireText(ReadOnlySpan<byte> utf8, string what)
    {
        if (!Utf8Text.IsValid(utf8)) throw new ProtocolViolation(ReasonCode.MalformedPacket, $"{what} is not valid UTF-8 text");
    }

    private ReadOnlySpan<byte> Take(int length, string what)
    {
        if (length > _rest.Length) throw Truncated(what);
        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    private static ProtocolViolation Truncated(string what) => new(ReasonCode.MalformedPacket, $"{what} runs past the end of the packet");
}
