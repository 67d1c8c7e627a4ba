using System.Buffers;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>The messages of one commit as one value: what is in the log between its acknowledgement and its merge.</summary>
internal static class LogFormat
{
    private const byte Version = 1;
    private const byte HasSequence = 1;
    private const byte HasContentType = 2;

    internal static LogEntry Write(long firstId, IReadOnlyList<TelemetryMessage> messages, ArrayBufferWriter<byte> buffer)
    {
        buffer.ResetWrittenCount();
        var writer = new CompactWriter(buffer);
        writer.Byte(Version);
        var readings = 0;
        foreach (var message in messages)
        {
            Write(writer, message);
            readings += message.Readings.Count;
        }
        return new LogEntry(firstId, readings, buffer.WrittenMemory);
    }

    private static void Write(CompactWriter writer, TelemetryMessage message)
    {
        writer.Byte((byte)((message.Sequence is null ? 0 : HasSequence) | (message.ContentType is null ? 0 : HasContentType)));
        writer.Text(message.DeviceId);
        writer.Text(message.Stream);
        writer.Number(EpochTime.ToMicroseconds(message.ReceivedAt));
        if (message.Sequence is { } sequence) writer.Number(sequence);
        if (message.ContentType is { } type) writer.Text(type);
        writer.Unsigned((ulong)message.Readings.Count);
        foreach (var reading in message.Readings)
        {
            writer.Byte(reading.HasOwnTime ? (byte)1 : (byte)0);
            if (reading.HasOwnTime) writer.Number(EpochTime.ToMicroseconds(reading.Time));
            writer.Bytes(reading.Body.Span);
        }
    }

    /// <exception cref="InvalidDataException">Another version wrote it, or the bytes are damaged.</exception>
    internal static List<TelemetryMessage> Read(LogEntry entry)
    {
        var reader = new CompactReader(entry.Data);
        if (reader.Byte() is var version && version != Version) throw new InvalidDataException($"Telemetry log entry {entry.Id} is of version {version}; this server reads version {Version}.");
        var messages = new List<TelemetryMessage>();
        while (!reader.AtEnd) messages.Add(Message(ref reader));
        return messages;
    }

    private static TelemetryMessage Message(ref CompactReader reader)
    {
        var flags = reader.Byte();
        var (device, stream) = (reader.Text(), reader.Text());
        var receivedAt = EpochTime.FromMicroseconds(reader.Number());
        long? sequence = (flags & HasSequence) != 0 ? reader.Number() : null;
        var type = (flags & HasContentType) != 0 ? reader.Text() : null;
        var readings = new Reading[reader.Count()];
        for (var i = 0; i < readings.Length; i++)
        {
            var own = reader.Byte() != 0;
            readings[i] = new Reading(own ? EpochTime.FromMicroseconds(reader.Number()) : receivedAt, own, reader.Bytes());
        }
        return new TelemetryMessage(device, stream, receivedAt, sequence, type, ReadOnlyMemory<byte>.Empty, readings);
    }
}
