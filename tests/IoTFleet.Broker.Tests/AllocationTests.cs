using System.Buffers;
using System.IO.Pipelines;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace IoTFleet.Broker.Tests;

/// <summary>
/// What one more message allocates, exactly: a connection works through all that it has read on one thread, so a longer input tells what a message costs
/// and nothing else does.
/// </summary>
public sealed class AllocationTests : IDisposable
{
    private const int PayloadLength = 200;
    private const int Few = 1_100;      // as many as let every list grow to the size that it has for many
    private const int Many = 2_000;

    private readonly BrokerMetrics _metrics = new();
    private readonly MqttBroker _broker;
    private readonly TopicName _topic = TopicName.Parse("devices/pump-1/telemetry");

    public AllocationTests()
    {
        var clock = new FakeClock();
        var refusals = new RefusalLog(clock, _metrics, NullLogger<RefusalLog>.Instance);
        var options = Options.Create(new BrokerOptions { MaxPacketRate = 1_000_000, MaxByteRate = 1_000_000_000, MaxOutboxPackets = 100_000 });
        _broker = new MqttBroker(options, new ScriptedAccess(), new Nowhere(), new InMemoryBrokerStore(), refusals, _metrics, clock, NullLogger<MqttBroker>.Instance);
    }

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public void Message_at_qos_0_costs_its_payload_and_two_small_objects(ProtocolVersion version)
    {
        var each = OneMore(QualityOfService.AtMostOnce, version);
        Assert.InRange(each, Of(() => new byte[PayloadLength]), Unavoidable());
    }

    [Fact]
    public void Acknowledgement_costs_no_object()
    {
        var outbox = new PacketOutbox(new PipeConnection(new DuplexPipe(PipeReader.Create(Stream.Null), PipeWriter.Create(Stream.Null))), 100, NullLogger.Instance);
        Acknowledge(outbox, Many);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Acknowledge(outbox, Many);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Many);      // the smallest object has 24 bytes
    }

    public void Dispose()
    {
        _broker.Dispose();
        _metrics.Dispose();
    }

    /// <summary>The payload's own array, the packet that is read and the message that sink and receivers share.</summary>
    private long Unavoidable() =>
        Of(() => new byte[PayloadLength]) + Of(() => new PublishPacket { Topic = _topic }) + Of(() => new Message { Topic = _topic, Payload = default, ReceivedAt = default });

    private static void Acknowledge(PacketOutbox outbox, int count)
    {
        for (var i = 1; i <= count; i++)
        {
            var batch = WriteBatch.Begin();
            outbox.Acknowledge(PacketType.PubAck, (ushort)i, ReasonCode.Success);
            batch.End();
        }
    }

    private long OneMore(QualityOfService qos, ProtocolVersion version)
    {
        for (var i = 0; i < 5; i++) Publish(Many, qos, version);        // whatever is made once is made now
        // The runtime may put better code in place in the middle of one; the median of several is what a message costs.
        long[] measured = [.. Enumerable.Range(0, 5).Select(_ => (Publish(Many, qos, version) - Publish(Few, qos, version)) / (Many - Few)).Order()];
        return measured[measured.Length / 2];
    }

    /// <returns>What this thread allocated while the connection read it all.</returns>
    private long Publish(int count, QualityOfService qos, ProtocolVersion version)
    {
        var input = new ArrayBufferWriter<byte>();
        PacketWriter.Write(input, new ConnectPacket { Version = version, ClientId = "pump-1", CleanStart = true }, version);
        for (var i = 0; i < count; i++)
        {
            var publish = new PublishPacket { Topic = _topic, Payload = new byte[PayloadLength], Qos = qos, PacketId = (ushort)(qos == 0 ? 0 : i % 1_000 + 1) };
            PacketWriter.Write(input, publish, version);
        }

        var output = PipeWriter.Create(Stream.Null);
        var connection = new PipeConnection(new DuplexPipe(PipeReader.Create(new ReadOnlySequence<byte>(input.WrittenMemory)), output));
        var handler = new MqttConnectionHandler(_broker);
        var (received, before) = (_metrics.MessagesReceived, GC.GetAllocatedBytesForCurrentThread());
        var handled = handler.OnConnectedAsync(connection);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(count, _metrics.MessagesReceived - received);      // all of them on this thread, before the call came back
        _ = handled;
        return allocated;
    }

    private static long Of(Func<object> make)
    {
        make();
        var before = GC.GetAllocatedBytesForCurrentThread();
        GC.KeepAlive(make());
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private sealed class Nowhere : IMessageSink
    {
        public ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken) => ValueTask.FromResult(Acceptance.Done);
    }
}
