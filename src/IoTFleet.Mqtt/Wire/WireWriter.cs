using System.Buffers.Binary;
using System.Text;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Wire;

/// <summary>
/// Writes the standard's data types (MQTT 5.0, 1.5). A counting writer has no bytes behind it and only adds up,
/// so the same code that writes a packet also measures it and the two cannot disagree.
/// </summary>
internal ref struct WireWriter
{
    private readonly Span<byte> _target;
    private readonly bool _counting;

    private WireWriter(Span<byte> target, bool counting, ProtocolVersion version)
    {
        _target = target;
        _counting = counting;
        Version = version;
    }

    /// <summary>The version to write for; CONNECT sets it to its own.</summary>
    public ProtocolVersion Version { get; set; }

    /// <summary>Bytes written or counted so far.</summary>
    public int Length { get; private set; }

    public static WireWriter Counting(ProtocolVersion version) => new(default, counting: true, version);

    public static WireWriter Into(Span<byte> target, ProtocolVersion version) => new(target, counting: false, version);

    public void WriteByte(byte value)
    {
        if (Reserve(1, out var span)) span[0] = value;
    }

    public void WriteUInt16(ushort value)
    {
        if (Reserve(2, out var span)) BinaryPrimitives.WriteUInt16BigEndian(span, value);
    }

    public void WriteUInt32(uint value)
    {
        if (Reserve(4, out var span)) BinaryPrimitives.WriteUInt32BigEndian(span, value);
    }

    public void WriteVariableInteger(uint value)
    {
        if (value > VariableInteger.Max) throw new ArgumentException($"{value} is above {VariableInteger.Max}, the largest variable byte integer.");
        for (; value > 0x7F; value >>= 7) WriteByte((byte)(value | 0x80));
        WriteByte((byte)value);
    }

    public void WritePacketId(ushort id)
    {
        if (id == 0) throw new ArgumentException("A packet identifier must be 1 to 65,535."); // [MQTT-2.2.1-3]
        WriteUInt16(id);
    }

    public void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        if (Reserve(bytes.Length, out var span)) bytes.CopyTo(span);
    }

    public void WriteBinary(ReadOnlySpan<byte> bytes, string what)
    {
        if (bytes.Length > ushort.MaxValue) throw new ArgumentException($"The {what} has {bytes.Length} bytes; 65,535 fit in a packet.");
        WriteUInt16((ushort)bytes.Length);
        WriteBytes(bytes);
    }

    public void WriteTopicName(TopicName topic)
    {
        WriteUInt16((ushort)topic.Utf8.Length);
        WriteBytes(topic.Utf8.Span);
    }

    public void WriteText(string text, string what)
    {
        if (!Utf8Text.IsEncodable(text)) // [MQTT-1.5.4-1] [MQTT-1.5.4-2]
            throw new ArgumentException($"The {what} is longer than 65,535 bytes or has U+0000 or half a surrogate pair.");
        var length = Encoding.UTF8.GetByteCount(text);
        WriteUInt16((ushort)length);
        if (Reserve(length, out var span)) Encoding.UTF8.GetBytes(text, span);
    }

    private bool Reserve(int length, out Span<byte> span)
    {
        span = _counting ? default : _target.Slice(Length, length);
        Length = checked(Length + length);
        return !_counting;
    }
}
