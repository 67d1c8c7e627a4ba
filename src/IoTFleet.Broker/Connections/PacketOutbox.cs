using System.Collections.Concurrent;
using System.IO.Pipelines;
using IoTFleet.Broker.Figures;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Broker.Connections;

/// <summary>
/// The only way to a connection's socket: a queue of packets and the loop that writes them, many packets to a flush.
/// The loop runs only while there is something to write, so an idle connection owns no waiting task.
/// </summary>
/// <remarks>
/// Bounded: beyond <paramref name="capacity"/> packets or <paramref name="maxBytes"/> bytes, <see cref="HasRoom"/> turns false and whoever can wait or
/// drop does so. Acknowledgements are always taken, because their number is bounded by what the reader, which waits in <see cref="WaitForRoomAsync"/>, lets in.
/// </remarks>
internal sealed class PacketOutbox(ConnectionContext connection, int capacity, ILogger logger, long maxBytes = long.MaxValue) : IThreadPoolWorkItem
{
    private const int BytesBesidesPayload = 128;
    private const int FlushAt = 16 * 1024;

    private readonly PipeWriter _output = connection.Transport.Output;
    private readonly ConcurrentQueue<Packet> _queue = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _drained;
    private int _count;
    private long _bytes;
    private int _flushes;
    private long _bytesSent;
    private long _packetsSent;
    private int _writing;
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

    public void Send(Packet packet)
    {
        if (_broken || _cut) return;
        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _bytes, Weight(packet));
        _queue.Enqueue(packet);
        if (Interlocked.Exchange(ref _writing, 1) == 0) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

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
            if (_broken || IsIdle) return Task.CompletedTask;
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

    private bool IsIdle => Volatile.Read(ref _writing) == 0 && _queue.IsEmpty;

    void IThreadPoolWorkItem.Execute() => _ = WriteAsync();

    private async Task WriteAsync()
    {
        try
        {
            do
            {
                while (_queue.TryDequeue(out var packet))
                {
                    Write(packet);
                    Interlocked.Decrement(ref _count);
                    Interlocked.Add(ref _bytes, -Weight(packet));
                    if (_output.UnflushedBytes >= FlushAt) await FlushAsync();
                }

                if (_output.UnflushedBytes > 0) await FlushAsync();
                Interlocked.Exchange(ref _writing, 0);      // a full fence: a Send that still saw 1 is seen by IsEmpty below
                ReleaseDrained();
            }
            while (!_queue.IsEmpty && Interlocked.Exchange(ref _writing, 1) == 0);
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

    /// <summary>What the packet keeps in memory while it waits, about; it need not be exact, but the same at both ends of the queue.</summary>
    private static long Weight(Packet packet) => packet switch
    {
        PublishPacket { Properties.IsEmpty: true } publish => publish.Payload.Length + BytesBesidesPayload,
        PublishPacket publish => PacketWriter.Measure(publish, ProtocolVersion.V5) + BytesBesidesPayload,
        _ => BytesBesidesPayload,
    };

    /// <summary>After DISCONNECT, or a CONNACK that refuses, no packet may follow, whoever sends one [MQTT-3.14.4-1] [MQTT-3.14.0-1].</summary>
    private void Write(Packet packet)
    {
        ObjectDisposedException.ThrowIf(_cut, this);
        if (_saidLast) return;
        PacketWriter.Write(_output, packet is PublishPacket publish && Aliases is { } aliases ? aliases.Shorten(publish) : packet, Version);
        Volatile.Write(ref _packetsSent, _packetsSent + 1);
        _saidLast = packet is DisconnectPacket or ConnAckPacket { Reason: >= ReasonCode.UnspecifiedError };
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
        _queue.Clear();
        lock (_gate)
        {
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

    private void ReleaseDrained()
    {
        lock (_gate)
        {
            if (_drained is null || !IsIdle) return;     // not idle: a later loop has taken over, and will come here
            _drained.TrySetResult();
            _drained = null;
        }
    }
}
