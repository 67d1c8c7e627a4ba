using System.Buffers;
using System.IO.Pipelines;
using IoTFleet.Broker.Connections;
using IoTFleet.Mqtt.Wire;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Broker.Tests;

public sealed class OutboxTests
{
    [Fact]
    public async Task Packets_leave_in_the_order_they_were_sent()
    {
        var wire = new Wire();

        for (ushort id = 1; id <= 1000; id++) wire.Outbox.Send(new PubAckPacket { PacketId = id });

        for (ushort id = 1; id <= 1000; id++) Assert.Equal(id, ((PubAckPacket)await wire.ReadAsync()).PacketId);
    }

    [Fact]
    public async Task Packets_of_many_senders_all_leave()
    {
        const int Senders = 8, Each = 2_000;
        var wire = new Wire();

        var sending = Parallel.ForAsync(0, Senders, async (sender, _) =>
        {
            for (ushort n = 1; n <= Each; n++)
            {
                wire.Outbox.Send(new PubAckPacket { PacketId = n });
                if (n % 64 == 0) await Task.Yield();
            }
        });
        var counts = new int[Each + 1];
        for (var i = 0; i < Senders * Each; i++) counts[((PubAckPacket)await wire.ReadAsync()).PacketId]++;

        await sending;
        Assert.All(counts.Skip(1), count => Assert.Equal(Senders, count));
        await wire.Outbox.WhenDrainedAsync();
    }

    [Fact]
    public async Task Drained_means_with_the_transport()
    {
        var wire = new Wire();
        for (ushort id = 1; id <= 500; id++)
        {
            wire.Outbox.Send(new PubAckPacket { PacketId = id });
            await wire.Outbox.WhenDrainedAsync();
            Assert.True(wire.TryRead(out var packet));
            Assert.Equal(id, ((PubAckPacket)packet!).PacketId);
        }
    }

    [Fact]
    public async Task Waiting_for_room_ends_when_the_peer_reads_although_more_is_sent()
    {
        var wire = new Wire(capacity: 16);
        await wire.StuffAsync();
        var room = wire.Outbox.WaitForRoomAsync(CancellationToken.None).AsTask();
        Assert.False(room.IsCompleted);

        while (!room.IsCompleted)
        {
            await wire.ReadAsync();
            if (wire.Outbox.HasRoom) wire.Outbox.Send(Large);       // never empty
        }

        await room;
    }

    [Fact]
    public async Task Waiting_for_room_ends_when_the_connection_closes()
    {
        var wire = new Wire(capacity: 16);
        await wire.StuffAsync();
        using var closing = new CancellationTokenSource();
        var room = wire.Outbox.WaitForRoomAsync(closing.Token).AsTask();

        await closing.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => room);
    }

    [Fact]
    public async Task Nothing_follows_a_goodbye()
    {
        var wire = new Wire();

        wire.Outbox.Send(new DisconnectPacket());
        wire.Outbox.Send(new PubAckPacket { PacketId = 1 });
        await wire.CompleteAsync();

        Assert.IsType<DisconnectPacket>(await wire.ReadAsync());        // [MQTT-3.14.4-1]
        Assert.True(await wire.AtEndAsync());
    }

    [Fact]
    public async Task Nothing_follows_a_refusing_connack()
    {
        var wire = new Wire();

        wire.Outbox.Send(new ConnAckPacket { Reason = ReasonCode.Banned });
        wire.Outbox.Send(new DisconnectPacket());
        await wire.CompleteAsync();

        Assert.IsType<ConnAckPacket>(await wire.ReadAsync());           // [MQTT-3.14.0-1]
        Assert.True(await wire.AtEndAsync());
    }

    [Fact]
    public async Task Packet_that_cannot_be_written_is_logged_and_ends_the_connection()
    {
        var wire = new Wire();

        wire.Outbox.Send(new PubAckPacket { PacketId = 1 });
        wire.Outbox.Send(new PubAckPacket { PacketId = 0 });            // no such id on the wire
        await wire.Outbox.WhenDrainedAsync();

        Assert.Equal(1, wire.Log.Count("PacketNotWritten"));
        Assert.True(wire.Aborted);
    }

    [Fact]
    public async Task Cut_ends_the_writing_to_a_peer_that_does_not_read()
    {
        var wire = new Wire(capacity: 16);
        await wire.StuffAsync();
        Assert.False(wire.Outbox.WhenDrainedAsync().IsCompleted);

        await wire.Outbox.CutAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.True(wire.Outbox.WhenDrainedAsync().IsCompleted);
    }

    [Fact]
    public async Task Cut_leaves_the_transport_alone_whoever_still_sends()
    {
        for (var round = 0; round < 200; round++)
        {
            var wire = new Wire();
            var sending = Task.Run(() =>
            {
                for (ushort id = 1; id <= 200; id++) wire.Outbox.Send(new PubAckPacket { PacketId = id });
            });
            await wire.Outbox.CutAsync();
            await wire.CompleteAsync();
            await sending;

            for (ushort id = 1; await wire.TryReadToEndAsync() is PubAckPacket ack; id++) Assert.Equal(id, ack.PacketId);      // whole packets, in order, up to the cut
            Assert.Equal(0, wire.Log.Count("PacketNotWritten"));
        }
    }

    [Theory, BothVersions]
    public async Task Subscriber_that_does_not_read_loses_qos0_messages_and_nothing_else(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxOutboxPackets = 16);
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync("sure", AtLeastOnce);
        await client.StuffAsync(broker);
        Assert.True(broker.Metrics.MessagesDropped >= 10);

        Assert.Equal(1, broker.Publish("sure", "kept"));

        Packet? packet;
        do packet = await client.ReceiveAsync();
        while (packet is not PublishPacket { Topic.Value: "sure" });
    }

    [Theory, BothVersions]
    public async Task Client_that_does_not_read_its_acks_is_held_back(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => (options.MaxOutboxPackets, options.MaxPacketRate) = (16, 1_000_000));
        await using var client = await broker.ConnectAsync("a", version);

        var sending = Task.Run(async () =>
        {
            for (var id = 1; id <= 60_000; id++) await client.PublishAsync("t", "", AtLeastOnce, (ushort)id);      // 240 KB of acks, 64 KB fit in the pipe
        });
        await InMemoryBroker.UntilAsync(() => broker.Metrics.MessagesReceived > 16_000);
        await InMemoryBroker.UntilStillAsync(() => broker.Metrics.MessagesReceived);
        Assert.InRange(broker.Metrics.MessagesReceived, 16_000, 40_000);

        for (var id = 1; id <= 60_000; id++) await client.ExpectAckAsync((ushort)id);
        await sending;
    }

    private static PublishPacket Large => RawClient.Publish("t", new string('x', 10_000));

    /// <summary>An outbox, and what comes out of it.</summary>
    private sealed class Wire
    {
        private readonly DuplexPipe _near;
        private readonly DuplexPipe _far;
        private readonly PipeConnection _connection;
        private readonly PacketReader _reader = new(PacketLimits.Default) { Version = V5 };

        public Wire(int capacity = 1_000)
        {
            (_near, _far) = DuplexPipe.CreatePair();
            _connection = new PipeConnection(_far);
            Outbox = new PacketOutbox(_connection, capacity, Log.CreateLogger("test")) { Version = V5 };
        }

        public StrictLog Log { get; } = new();

        public PacketOutbox Outbox { get; }

        public bool Aborted => _connection.Aborted;

        /// <summary>Sends until the peer's window and the outbox are full.</summary>
        public async Task StuffAsync()
        {
            var full = 0;
            await InMemoryBroker.UntilAsync(() =>
            {
                full = Outbox.HasRoom ? 0 : full + 1;
                if (full == 0) Outbox.Send(Large);
                return full == 10;
            });
        }

        public async Task<Packet> ReadAsync() => await TryReadToEndAsync() ?? throw new EndOfStreamException();

        public async Task<bool> AtEndAsync() => await TryReadToEndAsync() is null;

        /// <returns>Null at the end.</returns>
        public async Task<Packet?> TryReadToEndAsync()
        {
            while (true)
            {
                var read = await _near.Input.ReadAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1));
                if (TryTake(read, out var packet)) return packet;
                if (read.IsCompleted) return null;
            }
        }

        public bool TryRead(out Packet? packet)
        {
            packet = null;
            return _near.Input.TryRead(out var read) && TryTake(read, out packet);
        }

        public async Task CompleteAsync()
        {
            await Outbox.WhenDrainedAsync();
            await _far.Output.CompleteAsync();
        }

        private bool TryTake(ReadResult read, out Packet? packet)
        {
            var buffer = read.Buffer;
            var found = _reader.TryRead(ref buffer, out packet);
            _near.Input.AdvanceTo(buffer.Start, found ? buffer.Start : buffer.End);
            return found;
        }
    }
}
