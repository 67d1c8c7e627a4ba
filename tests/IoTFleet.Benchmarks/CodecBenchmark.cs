using System.Buffers;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Benchmarks;

/// <summary>A PUBLISH with 200 bytes of payload, from bytes and to bytes. The floor is what cannot be avoided: a copy of the payload, a copy of the packet.</summary>
internal static class CodecBenchmark
{
    private const int Operations = 200_000;
    private const string CopyPayload = "copy the payload to an array of its own";
    private const string CopyPacket = "copy the packet's bytes to the output";

    public static Task<Table> RunAsync()
    {
        var plain = Publish(PropertyBlock.None);
        var numbered = Publish(new PropertyBlock { UserProperties = [new UserProperty("seq", "1767225600000000")] });
        return new Table("Codec", "PUBLISH QoS 1 of 200 bytes",
        [
            Case.Of(CopyPayload, Operations, count => CopyPayloads(plain, count)),
            Read("read, 3.1.1", plain, ProtocolVersion.V311),
            Read("read, 5.0", plain, ProtocolVersion.V5),
            Read("read, 5.0 with a user property", numbered, ProtocolVersion.V5),
            Case.Of(CopyPacket, Operations, count => CopyPackets(Bytes(plain, ProtocolVersion.V5), count)),
            Write("write, 3.1.1", plain, ProtocolVersion.V311),
            Write("write, 5.0", plain, ProtocolVersion.V5),
            Write("write, 5.0 with a user property", numbered, ProtocolVersion.V5),
        ]).MeasureAsync();
    }

    private static Case Read(string name, PublishPacket publish, ProtocolVersion version)
    {
        var bytes = new ReadOnlySequence<byte>(Bytes(publish, version));
        var reader = new PacketReader(PacketLimits.Default) { Version = version };
        return Case.Of(name, Operations, count =>
        {
            for (var i = 0; i < count; i++)
            {
                var buffer = bytes;
                if (!reader.TryRead(ref buffer, out _)) throw new InvalidOperationException("Half a packet.");
            }
        }, CopyPayload);
    }

    private static Case Write(string name, PublishPacket publish, ProtocolVersion version)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        return Case.Of(name, Operations, count =>
        {
            for (var i = 0; i < count; i++)
            {
                output.ResetWrittenCount();
                PacketWriter.Write(output, publish, version);
            }
        }, CopyPacket);
    }

    private static void CopyPayloads(PublishPacket publish, int count)
    {
        for (var i = 0; i < count; i++) GC.KeepAlive(publish.Payload.ToArray());
    }

    private static void CopyPackets(byte[] bytes, int count)
    {
        var output = new ArrayBufferWriter<byte>(1024);
        for (var i = 0; i < count; i++)
        {
            output.ResetWrittenCount();
            output.Write(bytes);
        }
    }

    private static byte[] Bytes(PublishPacket publish, ProtocolVersion version)
    {
        var output = new ArrayBufferWriter<byte>();
        PacketWriter.Write(output, publish, version);
        return output.WrittenSpan.ToArray();
    }

    private static PublishPacket Publish(PropertyBlock properties) => new()
    {
        Topic = TopicName.Parse("devices/turbofan-017/telemetry"),
        Payload = new byte[200],
        Qos = QualityOfService.AtLeastOnce,
        PacketId = 17,
        Properties = properties,
    };
}
