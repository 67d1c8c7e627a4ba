using System.Diagnostics.CodeAnalysis;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Telemetry;

/// <summary>
/// Holds each message from PublishAsync until its PUBACK, in order, across connections. Bounded: when full, PublishAsync waits.
/// <code>
/// AddAsync -> [waiting] -> TryTake -> [in flight: sent | to be resent] -> Settle
///                                          ^ StartOver: a new connection has sent nothing yet
/// </code>
/// </summary>
internal sealed class Outbox(int capacity, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _room = new(capacity);
    private readonly Queue<OutboxMessage> _waiting = new();
    private readonly List<OutboxMessage> _inFlight = [];   // oldest first; the first _sent of them went out over the present connection
    private int _sent;
    private ushort _lastPacketId;
    private bool _closed;

    // Microseconds since 1970: a restarted device continues above every number it used before, without keeping any.
    private long _lastSequence = (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public async Task<OutboxMessage> AddAsync(TopicName topic, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        await _room.WaitAsync(cancellation);
        lock (_gate)
        {
            if (_closed)
            {
                _room.Release();                           // wakes the next one that waits for room
                throw Stopped();
            }

            var message = new OutboxMessage(++_lastSequence, topic, payload);
            _waiting.Enqueue(message);
            return message;
        }
    }

    /// <summary>A new connection begins: everything unacknowledged is to be sent again, before anything newer.</summary>
    public void StartOver()
    {
        lock (_gate)
            _sent = 0;
    }

    /// <summary>The next message to send, unless <paramref name="window"/> messages are on their way already.</summary>
    public bool TryTake(int window, [NotNullWhen(true)] out OutboxMessage? message)
    {
        lock (_gate)
        {
            message = null;
            if (_sent >= window)                           // [MQTT-3.3.4-7]
                return false;
            if (_sent == _inFlight.Count)
            {
                if (!_waiting.TryDequeue(out var next))
                    return false;
                _inFlight.Add(next);
            }

            message = _inFlight[_sent];
            message.PacketId = NextPacketId_NeedsGate();
            message.SentAt = clock.GetTimestamp();
            _sent++;
            return true;
        }
    }

    /// <summary>Takes out the message that a PUBACK answers; null when none on this connection carries the id.</summary>
    public OutboxMessage? Settle(ushort packetId)
    {
        OutboxMessage message;
        lock (_gate)
        {
            var at = FindSent_NeedsGate(packetId);
            if (at < 0)
                return null;
            message = _inFlight[at];
            _inFlight.RemoveAt(at);
            _sent--;
        }

        _room.Release();
        return message;
    }

    /// <summary>How long the oldest message on its way has waited for its PUBACK; zero when there is none.</summary>
    public TimeSpan LongestWait()
    {
        lock (_gate)
            return _sent == 0 ? TimeSpan.Zero : clock.GetElapsedTime(_inFlight[0].SentAt);
    }

    /// <summary>Fails everything held and every later AddAsync.</summary>
    public void Close()
    {
        List<OutboxMessage> left;
        lock (_gate)
        {
            _closed = true;
            left = [.. _inFlight, .. _waiting];
            _inFlight.Clear();
            _waiting.Clear();
            _sent = 0;
        }

        foreach (var message in left)
            message.Fail(Stopped());
        _room.Release();
    }

    private ushort NextPacketId_NeedsGate()
    {
        do
            _lastPacketId = _lastPacketId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastPacketId + 1);   // [MQTT-2.2.1-3]: never 0
        while (FindSent_NeedsGate(_lastPacketId) >= 0);
        return _lastPacketId;
    }

    private int FindSent_NeedsGate(ushort packetId)
    {
        for (var i = 0; i < _sent; i++)
        {
            if (_inFlight[i].PacketId == packetId)
                return i;
        }

        return -1;
    }

    private static DeviceException Stopped() => new(DeviceError.Stopped, "The device client was disposed before the server stored this message.");
}
