using System.Diagnostics.CodeAnalysis;
using IoTFleet.Device.Link;
using IoTFleet.Device.Telemetry.Disk;

namespace IoTFleet.Device.Telemetry;

// What is sent when, and what a PUBACK ends.
internal sealed partial class Outbox
{
    private readonly List<OutboxMessage> _inFlight = [];       // in the order of sending; the first _sent of them went out over the present connection
    private readonly ReplayPace _pace;
    private int _connection;
    private int _sent;
    private ushort _lastPacketId;
    private long _resident;

    /// <summary>A new connection begins: everything unacknowledged is to be sent again, before anything newer.</summary>
    public void StartOver()
    {
        lock (_gate)
        {
            _sent = 0;
            _connection++;
        }
    }

    /// <summary>The next message to send, unless <paramref name="window"/> messages are on their way already.</summary>
    public bool TryTake(int window, [NotNullWhen(true)] out OutboxMessage? message)
    {
        lock (_gate)
        {
            message = null;
            if (_sent >= window)                               // [MQTT-3.3.4-7]
                return false;
            if (_sent == _inFlight.Count)
            {
                if (MayBeForgotten_NeedsGate() || Next_NeedsGate() is not { } next)
                    return false;
                _inFlight.Add(next);
            }

            message = _inFlight[_sent];
            message.PacketId = NextPacketId_NeedsGate();
            message.SentAt = _clock.GetTimestamp();
            _sent++;
            return true;
        }
    }

    /// <summary>What a message carries, from memory or from the disk.</summary>
    /// <exception cref="DeviceException">The disk does not give it back.</exception>
    public ReadOnlyMemory<byte> PayloadOf(OutboxMessage message) => message.Payload ?? _journal!.Read(message);

    /// <summary>Takes out the message that a PUBACK answers; null when none on this connection carries the id.</summary>
    public OutboxMessage? Settle(ushort packetId)
    {
        lock (_gate)
        {
            var at = FindSent_NeedsGate(packetId);
            if (at < 0)
                return null;
            var message = _inFlight[at];
            _inFlight.RemoveAt(at);
            _sent--;
            Release_NeedsGate(message);
            if (_forRoom.Count > 0)
                Admit_NeedsGate();
            return message;
        }
    }

    /// <summary>How many are on their way over the present connection.</summary>
    public int OnTheirWay
    {
        get
        {
            lock (_gate)
                return _sent;
        }
    }

    /// <summary>How long the oldest message on its way has waited for its PUBACK; zero when there is none.</summary>
    public TimeSpan LongestWait()
    {
        lock (_gate)
            return _sent == 0 ? TimeSpan.Zero : _clock.GetElapsedTime(_inFlight[0].SentAt);
    }

    /// <summary>Whether the server owes an acknowledgement on the present connection.</summary>
    public bool IsAnyOnItsWay
    {
        get
        {
            lock (_gate)
                return _sent > 0;
        }
    }

    // What a power cut now can bring back: all that may have reached the server and is not known on the disk to be settled. More of it, and the server might not know the numbers any more.
    private bool MayBeForgotten_NeedsGate() =>
        _journal is { Unflushed: var unflushed } && _inFlight.Count + unflushed >= _maxInFlight + OutboxJournal.SettledWithoutFlush;

    // The oldest of the highest priority; of an outage's backlog only at the pace.
    private OutboxMessage? Next_NeedsGate()
    {
        while (true)
        {
            OutboxStream? best = null;
            var oldest = long.MaxValue;
            foreach (var stream in _streams.Values)
            {
                DropTooOld_NeedsGate(stream);
                if (stream.Oldest is not { } head)
                    continue;
                oldest = Math.Min(oldest, head.Sequence);
                if (head.IsHeld && head.MayOvertake != MayOvertake.Asked && !IsBefore(best, stream) && (!IsBacklog(head) || _pace.MayPass()))
                    best = stream;
            }

            if (best?.Oldest is not { } chosen)
                return null;
            if (_journal is not null && chosen.Sequence > oldest && chosen.MayOvertake == MayOvertake.No)
            {
                AskToOvertake_NeedsGate(best);
                continue;                                      // meanwhile another one may go
            }

            if (IsBacklog(chosen))
                _pace.Pass();
            return best.Dequeue();
        }
    }

    private bool IsBacklog(OutboxMessage message) => message.Connection < _connection;

    private static bool IsBefore(OutboxStream? one, OutboxStream other) =>
        one is not null && (-one.Policy.Priority, one.Oldest!.Sequence).CompareTo((-other.Policy.Priority, other.Oldest!.Sequence)) < 0;

    // After a power cut the journal knows neither what was sent nor all of what was settled. What may have reached the server must be sent again soon, while the server
    // still knows its number: that is the oldest there are, and those that it was told of before they passed older ones.
    private void AskToOvertake_NeedsGate(OutboxStream stream)
    {
        foreach (var message in stream.Waiting.TakeWhile(message => message.IsHeld).Take(OutboxJournal.SettledWithoutFlush))
        {
            if (message.MayOvertake != MayOvertake.No || message.IsGone)
                continue;
            message.MayOvertake = MayOvertake.Asked;
            _journal!.Mark(message);
        }
    }

    // What may have been sent goes in front, as what a lost connection has left unacknowledged does.
    private void TakeBack(IEnumerable<FoundMessage> found, int howManySent)
    {
        foreach (var message in found.OrderBy(message => message.Sequence).Select(message => new OutboxMessage(message, StreamOf(message.Stream))))
        {
            Count_NeedsGate(message);
            if (message.MayOvertake == MayOvertake.Yes || howManySent-- > 0)
                _inFlight.Add(message);
            else
                message.Stream.Enqueue(message);
        }
    }

    private void OnWritten(IReadOnlyList<JournalEntry> entries, DeviceException? error)
    {
        lock (_gate)
        {
            foreach (var entry in entries)
            {
                if (entry.Kind == RecordKind.Mark)
                    entry.Message.MayOvertake = error is null ? MayOvertake.Yes : MayOvertake.No;
                else if (entry.Kind == RecordKind.Message)
                    OnWritten_NeedsGate(entry.Message, error);
            }

            if (error is not null && _forRoom.Count > 0)
                Admit_NeedsGate();
        }

        _doorbell.Ring();
    }

    private void OnWritten_NeedsGate(OutboxMessage message, DeviceException? error)
    {
        if (error is null)
        {
            message.Hold();
            if (message.IsGone)
                return;
            if (_resident + message.PayloadSize <= _maxResident)
                _resident += message.PayloadSize;
            else
                message.Payload = null;
            return;
        }

        if (!message.IsGone)
            Release_NeedsGate(message, isOnDisk: false);
        _ = message.Fail(error);                               // its publisher waits for it to be held
    }

    private List<OutboxMessage> HeldIn(Segment segment)
    {
        lock (_gate)
            return [.. _inFlight.Concat(_streams.Values.SelectMany(stream => stream.Waiting)).Where(message => !message.IsGone && message.Place?.Segment == segment)];
    }

    private ushort NextPacketId_NeedsGate()
    {
        do
            _lastPacketId = _lastPacketId == PacketIds.LastOfTelemetry ? (ushort)1 : (ushort)(_lastPacketId + 1);   // [MQTT-2.2.1-3]: never 0
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
}
