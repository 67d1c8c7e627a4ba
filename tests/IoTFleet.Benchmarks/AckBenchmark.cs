using System.Buffers;
using System.IO.Pipelines;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Benchmarks;

/// <summary>What the order of acknowledgements costs: the bare bytes of a PUBACK through a pipe, then AckQueue and PacketOutbox before them, then a whole connection.</summary>
internal static class AckBenchmark
{
    private const int Messages = 20_000;
    private const int Window = 100;
    private const int AckLength = 4;
    private const string Bare = "PUBACK written to the pipe, a flush for 100";

    public static async Task<Table> RunAsync()
    {
        using var engine = new Engine(new GroupCommit());
        var publish = new ReadOnlyMemory<byte>(WindowOfPublishes());
        return await new Table("Acknowledgements", "QoS 1 message, a window of 100",
        [
            new(Bare, Messages, BareAsync),
            new("AckQueue, committed when added", Messages, () => QueueAsync(engine, committed: true), Bare),
            new("AckQueue, committed 100 at a time", Messages, () => QueueAsync(engine, committed: false), Bare),
            new("whole connection: PUBLISH in, group commit, PUBACK out", Messages, () => ConnectionAsync(engine, publish), Bare),
        ]).MeasureAsync();
    }

    private static async Task BareAsync()
    {
        var pipe = new Pipe();
        for (var sent = 0; sent < Messages; sent += Window)
        {
            for (var i = 1; i <= Window; i++) PacketWriter.Write(pipe.Writer, new PubAckPacket { PacketId = (ushort)i }, ProtocolVersion.V311);
            await pipe.Writer.FlushAsync();
            await SkipAsync(pipe.Reader, Window * AckLength);
        }
    }

    private static async Task QueueAsync(Engine engine, bool committed)
    {
        var (near, far) = Engine.NewConnection();
        var outbox = new PacketOutbox(far, 1_000, NullLogger.Instance);
        var acks = new AckQueue(engine.Broker.Parts, outbox, "device", Window, earlier: Task.CompletedTask, _ => { }, (pending, _) => pending);
        var message = new Message { Topic = TopicName.Parse("devices/device/telemetry"), Payload = new byte[200], ReceivedAt = DateTimeOffset.UnixEpoch };
        for (var sent = 0; sent < Messages; sent += Window)
        {
            var commit = new TaskCompletionSource();
            if (committed) commit.SetResult();
            for (var i = 1; i <= Window; i++) acks.Add(new PendingAck(message, QualityOfService.AtLeastOnce, (ushort)i, ReasonCode.Success, PropertyBlock.None, commit.Task));
            commit.TrySetResult();
            await SkipAsync(near.Input, Window * AckLength);
        }
    }

    private static async Task ConnectionAsync(Engine engine, ReadOnlyMemory<byte> publishes)
    {
        var (near, far) = Engine.NewConnection();
        var handled = engine.Handler.OnConnectedAsync(far);
        PacketWriter.Write(near.Output, new ConnectPacket { Version = ProtocolVersion.V311, ClientId = "device", CleanStart = true }, ProtocolVersion.V311);
        await near.Output.FlushAsync();
        await SkipAsync(near.Input, AckLength);         // a CONNACK is as long
        for (var sent = 0; sent < Messages; sent += Window)
        {
            await near.Output.WriteAsync(publishes);
            await SkipAsync(near.Input, Window * AckLength);
        }

        await near.Output.CompleteAsync();
        await handled;
    }

    private static async Task SkipAsync(PipeReader input, int length)
    {
        var read = await input.ReadAtLeastAsync(length);
        input.AdvanceTo(read.Buffer.GetPosition(length));
    }

    private static byte[] WindowOfPublishes()
    {
        var output = new ArrayBufferWriter<byte>();
        for (var i = 1; i <= Window; i++)
        {
            var publish = new PublishPacket { Topic = TopicName.Parse("devices/device/telemetry"), Payload = new byte[200], Qos = QualityOfService.AtLeastOnce, PacketId = (ushort)i };
            PacketWriter.Write(output, publish, ProtocolVersion.V311);
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>Commits what it holds whenever that makes a window, as a store does that writes in batches.</summary>
    private sealed class GroupCommit : IMessageSink
    {
        private TaskCompletionSource _commit = new();
        private int _held;

        public ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken)
        {
            var acceptance = new Acceptance(ReasonCode.Success, _commit.Task);
            if (++_held % Window == 0)
            {
                _commit.SetResult();
                _commit = new TaskCompletionSource();
            }

            return ValueTask.FromResult(acceptance);
        }
    }
}
