using System.IO.Pipelines;
using IoTFleet.Broker.Figures;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Broker.Connections;

/// <summary>
/// The only way to a connection's socket: a queue of packets and whoever writes them, many packets to a flush. That is the thread that works through
/// what it has read, when it is done with it (<see cref="WriteBatch"/>); a thread of the pool where nobody reads. An idle connection owns no waiting task.
/// </summary>
/// <remarks>
/// Bounded: beyond <paramref name="capacity"/> packets or <paramref name="maxBytes"/> bytes, <see cref="HasRoom"/> turns false and whoever can wait or
/// drop does so. Acknowledgements are always taken, because their number is bounded by what the reader, which waits in <see cref="WaitForRoomAsync"/>, lets in.
/// </remarks>
internal sealed class PacketOutbox(ConnectionContext connection, int capacity, ILogger logger, long maxBytes = long.MaxValue) : IThreadPoolWorkItem
{
    private const int BytesBesidesPayload = 128;
    private const int FlushAt = 16 * 1024;
    private const int QueueWorthKeeping = 64;

    private readonly PipeWriter _output = connection.Transport.Output;
    private readonly Lock _gate = new();
    private Queue<Outgoing> _queue = new();
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _drained;
    private int _count;
    private long _bytes;
    private int _flushes;
    private long _bytesSent;
    private long _packetsSent;
    private bool _writing;
    private volatile bool _broken;
    private volatile bool _cut;
    private bool _saidLast;

    /// <summary>Set once, by CONNECT, before anything is sent.</summary>
    public ProtocolVersion Version { get; set; } = ProtocolVersion.V311;

    /// <summary>The client's own limit; larger packets must not be sent to it [MQTT-3.1.2-24].</summary>
    public uint? MaximumPacketSize { get; set; }

    /// <summary>For a client that takes topic aliases; null for all others.</summary>
    public OutboundAliases? Aliases { get; set; }

    /// <summary>What has been given to the transport so far.</summary>
    public Traffic Sent => new(Volatile.Read(ref _bytesSent), Volatile.Read(ref _packetsSent));

    public bool HasRoom => Volatile.Read(ref _count) < capacity && Volatile.Read(ref _bytes) < maxBytes;

    /// <summary>How often the transport has taken what was written: while it stands still and there is no room, the peer does not read.</summary>
    public int Flushes => Volatile.Read(ref _flushes);

    public bool Fits(Packet packet) => MaximumPacketSize is not { } limit || PacketWriter.Measure(packet, Version) <= limit;

    public void Send(Packet packet) => Send(new Outgoing(packet, Weight(packet), default, 0, default));

    /// <summary>PUBACK, PUBREC, PUBREL or PUBCOMP without properties, as nearly all of them are: no object is made for it.</summary>
    public void Acknowledge(PacketType type, ushort packetId, ReasonCode reason) => Send(new Outgoing(null, BytesBesidesPayload, type, packetId, reason));

    /// <summary>Holds the reader while its own answers pile up, so that a client that sends without reading cannot fill memory.</summary>
    public ValueTask WaitForRoomAsync(CancellationToken closing)
    {
        if (HasRoom) return default;
        lock (_gate)
        {
            if (HasRoom || _broken) return default;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task.WaitAsync(closing));
        }
    }

    /// <summary>Completes when all that was sent is with the transport, or the transport is gone.</summary>
    public Task WhenDrainedAsync()
    {
        lock (_gate)
        {
            if (_broken || !_writing) return Task.CompletedTask;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    /// <summary>
    /// No packet leaves from here on. Completes when the write loop is off the transport's buffers: completed under its hands, they would
    /// go back to the pool and be written to as someone else's.
    /// </summary>
    public Task CutAsync()
    {
        _cut = true;
        var stopped = WhenDrainedAsync();       // its lock orders the mark before the look at the loop
        if (!stopped.IsCompleted) _output.CancelPendingFlush();
        return stopped;
    }

    /// <summary>Called by the end of a <see cref="WriteBatch"/>: writes what waits. Whatever comes meanwhile is left to the pool, so that a reader returns to reading.</summary>
    public void WriteNow() => _ = WriteAsync(once: true);

    void IThreadPoolWorkItem.Execute() => _ = WriteAsync(once: false);

    private void Send(in Outgoing outgoing)
    {
        lock (_gate)
        {
            if (_broken || _cut) return;
            _queue.Enqueue(outgoing);
            _count++;
            _bytes += outgoing.Weight;
            if (_writing) return;
            _writing = true;
        }

        if (!WriteBatch.TryJoin(this)) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    private async Task WriteAsync(bool once)
    {
        try
        {
            do
            {
                WriteSome();
                if (_output.UnflushedBytes > 0) await FlushAsync();
                if (TryRest()) return;
            }
            while (!once);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        catch (Exception gone) when (gone is IOException or ConnectionAbortedException or ConnectionResetException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // The peer or our own closing took the transport away; the reader sees the same and ends the connection.
            Break();
        }
        catch (Exception unwritable)
        {
            // Nobody waits for this loop. What it cannot write must not be lost unseen, and what comes behind must not wait for ever.
            logger.PacketNotWritten(unwritable, connection.ConnectionId);
            Break();
        }
    }

    private void WriteSome()
    {
        while (_output.UnflushedBytes < FlushAt && TryTake(out var outgoing)) Write(outgoing);
    }

    private bool TryTake(out Outgoing outgoing)
    {
        lock (_gate)
        {
            if (!_queue.TryDequeue(out outgoing)) return false;
            _count--;
            _bytes -= outgoing.Weight;
            return true;
        }
    }

    private bool TryRest()
    {
        lock (_gate)
        {
            if (_queue.Count > 0) return false;
            if (_queue.Capacity > QueueWorthKeeping) _queue = new Queue<Outgoing>();
            _writing = false;
            _drained?.TrySetResult();
            _drained = null;
            return true;
        }
    }

    /// <summary>What the packet keeps in memory while it waits, about; it need not be exact, but the same at both ends of the queue.</summary>
    private static int Weight(Packet packet) => packet switch
    {
        PublishPacket { Properties.IsEmpty: true } publish => publish.Payload.Length + BytesBesidesPayload,
        PublishPacket publish => PacketWriter.Measure(publish, ProtocolVersion.V5) + BytesBesidesPayload,
        _ => BytesBesidesPayload,
    };

    /// <summary>After DISCONNECT, or a CONNACK that refuses, no packet may follow, whoever sends one [MQTT-3.14.4-1] [MQTT-3.14.0-1].</summary>
    private void Write(in Outgoing outgoing)
    {
        ObjectDisposedException.ThrowIf(_cut, this);
        if (_saidLast) return;
        if (outgoing.Packet is null) PacketWriter.WriteAck(_output, outgoing.Type, outgoing.PacketId, outgoing.Reason, Version);
        else PacketWriter.Write(_output, outgoing.Packet is PublishPacket publish && Aliases is { } aliases ? aliases.Shorten(publish) : outgoing.Packet, Version);
        Volatile.Write(ref _packetsSent, _packetsSent + 1);
        _saidLast = outgoing.Packet is DisconnectPacket or ConnAckPacket { Reason: >= ReasonCode.UnspecifiedError };
    }

    private async ValueTask FlushAsync()
    {
        ObjectDisposedException.ThrowIf(_cut, this);
        Volatile.Write(ref _bytesSent, _bytesSent + _output.UnflushedBytes);
        var result = await _output.FlushAsync();
        ObjectDisposedException.ThrowIf(result.IsCanceled, this);
        if (result.IsCompleted) throw new IOException("The peer has stopped reading.");
        Interlocked.Increment(ref _flushes);
        ReleaseWaiters();
    }

    private void Break()
    {
        _broken = true;
        if (!_cut) connection.Abort();      // what was cut ends in order, and its last bytes may still be on their way
        lock (_gate)
        {
            _queue.Clear();
            _room?.TrySetResult();
            _drained?.TrySetResult();
        }
    }

    private void ReleaseWaiters()
    {
        lock (_gate)
        {
            if (_room is null || !HasRoom) return;
            _room.TrySetResult();
            _room = null;
        }
    }

    /// <param name="Packet">Null for an acknowledgement, which the other fields are.</param>
    private readonly record struct Outgoing(Packet? Packet, int Weight, PacketType Type, ushort PacketId, ReasonCode Reason);
}
