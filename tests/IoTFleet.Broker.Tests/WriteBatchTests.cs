using System.IO.Pipelines;
using IoTFleet.Broker.Connections;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Broker.Tests;

public sealed class WriteBatchTests
{
    private const int PingRespLength = 2;

    private readonly DuplexPipe _near;
    private readonly PacketOutbox _outbox;

    public WriteBatchTests()
    {
        (_near, var far) = DuplexPipe.CreatePair();
        _outbox = new PacketOutbox(new PipeConnection(far), 100, NullLogger.Instance);
    }

    [Fact]
    public void Packets_leave_together_when_the_batch_ends()
    {
        var batch = WriteBatch.Begin();
        _outbox.Send(PingRespPacket.Instance);
        _outbox.Send(PingRespPacket.Instance);
        Assert.Equal(0, Arrived());
        batch.End();
        Assert.Equal(2 * PingRespLength, Arrived());
        Assert.Equal(1, _outbox.Flushes);
    }

    [Fact]
    public void Batch_within_a_batch_ends_with_the_outer_one()
    {
        var outer = WriteBatch.Begin();
        var inner = WriteBatch.Begin();
        _outbox.Send(PingRespPacket.Instance);
        inner.End();
        Assert.Equal(0, Arrived());
        outer.End();
        Assert.Equal(PingRespLength, Arrived());
    }

    [Fact]
    public void Ending_twice_writes_once()
    {
        var batch = WriteBatch.Begin();
        _outbox.Send(PingRespPacket.Instance);
        batch.End();
        batch.End();
        Assert.Equal(PingRespLength, Arrived());
        Assert.True(_outbox.WhenDrainedAsync().IsCompleted);
    }

    [Fact]
    public async Task Without_a_batch_the_pool_writes()
    {
        _outbox.Acknowledge(PacketType.PubAck, 7, ReasonCode.Success);
        var read = await _near.Input.ReadAtLeastAsync(4);
        Assert.Equal(4, read.Buffer.Length);
    }

    private long Arrived()
    {
        if (!_near.Input.TryRead(out var read)) return 0;
        var length = read.Buffer.Length;
        _near.Input.AdvanceTo(read.Buffer.End);
        return length;
    }
}
