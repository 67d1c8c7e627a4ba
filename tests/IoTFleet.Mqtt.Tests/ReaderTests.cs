using System.Buffers;
using IoTFleet.Mqtt.Packets;
using static IoTFleet.Mqtt.ProtocolVersion;

namespace IoTFleet.Mqtt.Tests;

public sealed class ReaderTests
{
    [Theory]
    [InlineData("10 ['MQTT' 05 00 0000 [] 'a']", V5)]
    [InlineData("10 ['MQTT' 04 00 0000 'a']", V311)]
    public void A_connect_sets_the_version_of_what_follows(string connect, ProtocolVersion version)
    {
        var reader = Codec.Reader(version == V5 ? V311 : V5);
        var buffer = new ReadOnlySequence<byte>(Bytes.Of(connect));

        Assert.True(reader.TryRead(ref buffer, out _));

        Assert.Equal(version, reader.Version);
    }

    [Theory]
    [InlineData("10 ['MQTT' 05 01 0000 [] 'a']", V5)]
    [InlineData("10 ['MQTT' 07 00 0000 'a']", V5)]
    [InlineData("10 ['MQTT' 04 01 0000 'a']", V311)]
    [InlineData("10 ['MQIsdp' 03 00 0000 'a']", V311)]
    public void A_refused_connect_sets_the_version_to_answer_in(string connect, ProtocolVersion version)
    {
        var reader = Codec.Reader(version == V5 ? V311 : V5);
        var buffer = new ReadOnlySequence<byte>(Bytes.Of(connect));

        Assert.Throws<ProtocolViolation>(() => reader.TryRead(ref buffer, out _));

        Assert.Equal(version, reader.Version);
    }

    [Fact]
    public void Packets_in_one_buffer_are_read_one_by_one()
    {
        var reader = Codec.Reader(V311);
        var buffer = new ReadOnlySequence<byte>(Bytes.Of("C000 30 ['a' {x}] 40 [0001] 40 02 00"));

        var read = new List<PacketType>();
        while (reader.TryRead(ref buffer, out var packet)) read.Add(packet.Type);

        Assert.Equal([PacketType.PingReq, PacketType.Publish, PacketType.PubAck], read);
        Assert.Equal(Bytes.Of("40 02 00"), buffer.ToArray());
    }

    [Fact]
    public void A_packet_keeps_its_bytes_when_the_buffer_is_reused()
    {
        var bytes = Bytes.Of("32 ['a/b' 0001 [09 'data'] {payload}]");
        var packet = Codec.Read(bytes, V5);
        var before = PacketText.Of(packet);

        Array.Fill(bytes, (byte)0xEE);

        Assert.Equal(before, PacketText.Of(packet));
    }

    [Fact]
    public void More_topics_than_the_reader_remembers_are_all_read_right()
    {
        var reader = Codec.Reader(V311);
        for (var i = 0; i < 100; i++)
        {
            var buffer = new ReadOnlySequence<byte>(Bytes.Of($"30 ['topic/{i * i % 23}']"));
            Assert.True(reader.TryRead(ref buffer, out var packet));
            Assert.Equal($"topic/{i * i % 23}", ((PublishPacket)packet).Topic!.Value);
        }
    }

    [Fact]
    public void Reading_qos0_on_a_known_topic_allocates_the_packet_and_its_payload_only()
    {
        const int Count = 1000;
        var reader = Codec.Reader(V311);
        var bytes = new ReadOnlySequence<byte>(Bytes.Packet(0x30, [.. Bytes.Of("'devices/pump-7/telemetry'"), .. new byte[100]]));
        long needed = Allocated(Count, () => _ = new PublishPacket { Topic = null, Payload = new byte[100] });

        var allocated = Allocated(Count, () =>
        {
            var buffer = bytes;
            reader.TryRead(ref buffer, out _);
        });

        Assert.InRange(allocated, 1, needed);
    }

    private static long Allocated(int count, Action action)
    {
        action(); // what is made once, like the cached topic, does not count
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < count; i++) action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
