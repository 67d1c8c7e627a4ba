using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace IoTFleet.Device.Telemetry.Disk;

/// <summary>What a record of a segment says.</summary>
internal enum RecordKind : byte
{
    /// <summary>First in each segment: the device's name, and a number that is above all that were given before it.</summary>
    Head,

    /// <summary>A message is held.</summary>
    Message,

    /// <summary>A message is held no longer.</summary>
    Settled,

    /// <summary>A message may be sent before older ones.</summary>
    Mark,

    /// <summary>A command is about to be run.</summary>
    CommandBegun,

    /// <summary>A command has its answer, which the server may not have yet.</summary>
    CommandAnswered,

    /// <summary>The server has a command's answer.</summary>
    AnswerStored,
}

/// <summary>
/// <code>
/// record   length (4, of the body) | CRC-32C (4) | body
/// body     kind (1) | sequence (8) | Head: device (UTF-8)
///                                  | Message: added at, microseconds since 1970 (8) | length of the stream's name (2, 0xFFFF for none) | name (UTF-8) | payload
///                                  | of a command: as a message, with 0, the command's id as name, and its answer
/// </code>
/// Little endian. The checksum covers the segment's number and the length too: neither zeros nor what another file has left on the same
/// blocks of the disk pass for a record.
/// </summary>
internal static class RecordFormat
{
    public const int FrameBytes = 8;

    private const int MessageHeadBytes = 1 + 8 + 8 + 2;
    private const ushort Unnamed = ushort.MaxValue;

    public static void WriteHead(ArrayBufferWriter<byte> output, long segment, string device, long sequence)
    {
        var body = Begin(output, 1 + 8 + Encoding.UTF8.GetByteCount(device), RecordKind.Head, sequence);
        Encoding.UTF8.GetBytes(device, body[9..]);
        End(output, segment, body);
    }

    public static void WriteMessage(ArrayBufferWriter<byte> output, long segment, OutboxMessage message, ReadOnlySpan<byte> payload)
    {
        var addedAt = (message.AddedAt - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        WriteNamed(output, segment, RecordKind.Message, message.Sequence, addedAt, message.Stream.Name, payload);
    }

    /// <summary>A <see cref="RecordKind.CommandBegun"/>, <see cref="RecordKind.CommandAnswered"/> or <see cref="RecordKind.AnswerStored"/>.</summary>
    public static void WriteCommand(ArrayBufferWriter<byte> output, long segment, RecordKind kind, long order, string id, ReadOnlySpan<byte> answer) =>
        WriteNamed(output, segment, kind, order, 0, id, answer);

    private static void WriteNamed(ArrayBufferWriter<byte> output, long segment, RecordKind kind, long sequence, long microseconds, string? name, ReadOnlySpan<byte> payload)
    {
        var nameBytes = name is null ? 0 : Encoding.UTF8.GetByteCount(name);
        var body = Begin(output, MessageHeadBytes + nameBytes + payload.Length, kind, sequence);
        BinaryPrimitives.WriteInt64LittleEndian(body[9..], microseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(body[17..], name is null ? Unnamed : (ushort)nameBytes);
        Encoding.UTF8.GetBytes(name, body[MessageHeadBytes..]);
        payload.CopyTo(body[(MessageHeadBytes + nameBytes)..]);
        End(output, segment, body);
    }

    /// <summary>A <see cref="RecordKind.Settled"/> or a <see cref="RecordKind.Mark"/>.</summary>
    public static void WriteWord(ArrayBufferWriter<byte> output, long segment, RecordKind kind, long sequence) =>
        End(output, segment, Begin(output, 1 + 8, kind, sequence));

    /// <summary>The record at the beginning of <paramref name="bytes"/>; false when there is none, or only a part of one.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, long segment, out Record record)
    {
        record = default;
        if (bytes.Length < FrameBytes + 9)
            return false;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (length < 9 || length > bytes.Length - FrameBytes)
            return false;
        var body = bytes.Slice(FrameBytes, (int)length);
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum(segment, body))
            return false;
        record = new Record((RecordKind)body[0], BinaryPrimitives.ReadInt64LittleEndian(body[1..]), body[9..], FrameBytes + (int)length);
        return record.Kind is RecordKind.Head or RecordKind.Settled or RecordKind.Mark || record.HasMessage;
    }

    private static Span<byte> Begin(ArrayBufferWriter<byte> output, int length, RecordKind kind, long sequence)
    {
        var body = output.GetSpan(FrameBytes + length).Slice(FrameBytes, length);
        body[0] = (byte)kind;
        BinaryPrimitives.WriteInt64LittleEndian(body[1..], sequence);
        return body;
    }

    private static void End(ArrayBufferWriter<byte> output, long segment, ReadOnlySpan<byte> body)
    {
        var frame = output.GetSpan(FrameBytes + body.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame, body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Checksum(segment, body));
        output.Advance(FrameBytes + body.Length);
    }

    private static uint Checksum(long segment, ReadOnlySpan<byte> body)
    {
        var sum = BitOperations.Crc32C(uint.MaxValue, (ulong)segment);
        sum = BitOperations.Crc32C(sum, (uint)body.Length);
        for (; body.Length >= 8; body = body[8..])
            sum = BitOperations.Crc32C(sum, BinaryPrimitives.ReadUInt64LittleEndian(body));
        foreach (var rest in body)
            sum = BitOperations.Crc32C(sum, rest);
        return ~sum;
    }

    /// <summary>A record that is whole.</summary>
    /// <param name="kind">What it says.</param>
    /// <param name="sequence">Of which message; of a head, the number above all before it.</param>
    /// <param name="rest">What follows in its body.</param>
    /// <param name="length">Bytes it takes in the segment.</param>
    public readonly ref struct Record(RecordKind kind, long sequence, ReadOnlySpan<byte> rest, int length)
    {
        private readonly ReadOnlySpan<byte> _rest = rest;

        public RecordKind Kind => kind;

        public long Sequence => sequence;

        public int Length => length;

        public string Device => Encoding.UTF8.GetString(_rest);

        public bool HasMessage => _rest.Length >= 10 && _rest.Length >= 10 + NameBytes;

        public DateTimeOffset AddedAt => DateTimeOffset.UnixEpoch.AddTicks(BinaryPrimitives.ReadInt64LittleEndian(_rest) * TimeSpan.TicksPerMicrosecond);

        public string? Stream => NameField == Unnamed ? null : Encoding.UTF8.GetString(_rest.Slice(10, NameBytes));

        public ReadOnlySpan<byte> Payload => _rest[(10 + NameBytes)..];

        private ushort NameField => BinaryPrimitives.ReadUInt16LittleEndian(_rest[8..]);

        private int NameBytes => NameField == Unnamed ? 0 : NameField;
    }
}
