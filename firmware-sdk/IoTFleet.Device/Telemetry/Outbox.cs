using System.Diagnostics.CodeAnalysis;
using IoTFleet.Device.Link;
using IoTFleet.Device.Telemetry.Disk;

namespace IoTFleet.Device.Telemetry;

/// <summary>
/// Holds each message from PublishAsync until its PUBACK, in order within its stream, across connections and, with a journal, across restarts. Bounded.
/// <code>
/// AddAsync -> room? -> [waiting in its stream] -> TryTake -> [in flight: sent | to be resent] -> Settle
///               journal: held on disk -^                          ^ StartOver: a new connection has sent nothing yet
/// </code>
/// </summary>
internal sealed partial class Outbox : IDisposable
{
    private const int StreamsKept = 64;                        // more only while they hold messages: a device may make up new names without end
    private const string Unnamed = "";                         // no stream can be called that

    private readonly Lock _gate = new();
    private readonly OutboxOptions _options;
    private readonly TelemetryTopics _topics;
    private readonly OutboxJournal? _journal;
    private readonly int _maxInFlight;
    private readonly TimeProvider _clock;
    private readonly Func<DateTimeOffset> _now;
    private readonly int _maxResident;
    private readonly Doorbell _doorbell;
    private readonly Dictionary<string, OutboxStream> _streams = [];
    private readonly LinkedList<Waiter> _forRoom = [];
    private int _messages;
    private long _bytes;
    private long _tooOld;
    private long _gaveWay;
    private long _lastSequence;
    private bool _closed;

    /// <param name="options">Limits and policies.</param>
    /// <param name="maxInFlight">How many may be on their way, in an earlier run too.</param>
    /// <param name="maxResident">Bytes of payloads that are on disk and kept in memory too, because they are sent soon.</param>
    /// <param name="topics">Makes topics of streams' names.</param>
    /// <param name="journal">Where messages are held; null for memory. The caller disposes it after <see cref="Close"/>.</param>
    /// <param name="clock">Times that pass.</param>
    /// <param name="now">What time it is, as well as the device knows.</param>
    /// <param name="doorbell">Rung when there may be something to take.</param>
    public Outbox(
        OutboxOptions options, int maxInFlight, int maxResident, TelemetryTopics topics, OutboxJournal? journal, TimeProvider clock, Func<DateTimeOffset> now, Doorbell doorbell)
    {
        (_options, _maxInFlight, _maxResident, _topics, _journal, _clock, _now, _doorbell) = (options, maxInFlight, maxResident, topics, journal, clock, now, doorbell);
        _pace = new ReplayPace(options.ReplayRate, clock, doorbell.Ring);
        // Microseconds since 1970: a restarted device continues above every number it used before, without keeping any.
        _lastSequence = (now() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        if (journal is null)
            return;
        _lastSequence = Math.Max(_lastSequence, journal.LastSequence);
        TakeBack(journal.Found, maxInFlight + OutboxJournal.SettledWithoutFlush);
        journal.Start(OnWritten, HeldIn);
    }

    public OutboxStatus Status
    {
        get
        {
            lock (_gate)
                return new OutboxStatus(_messages, _bytes, _tooOld, _gaveWay);
        }
    }

    public int StreamCount
    {
        get
        {
            lock (_gate)
                return _streams.Count;
        }
    }

    /// <summary>Completes when the message is held; in memory with room that is at once, and then nothing is allocated for it but the message.</summary>
    public ValueTask<OutboxMessage> AddAsync(string? stream, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!TryEnter(stream, payload, out var message, out var waiter))
            return AddWhenThereIsRoomAsync(waiter, cancellation);
        if (_journal is not null)
            return WhenHeldAsync(message, cancellation);
        _doorbell.Ring();
        return ValueTask.FromResult(message);
    }

    private async ValueTask<OutboxMessage> AddWhenThereIsRoomAsync(Waiter waiter, CancellationToken cancellation)
    {
        await using var cancelled = cancellation.UnsafeRegister(_ => GiveUp(waiter, cancellation), null);
        var message = await waiter.Task;
        if (_journal is null)
            _doorbell.Ring();
        return await WhenHeldAsync(message, cancellation);
    }

    private static async ValueTask<OutboxMessage> WhenHeldAsync(OutboxMessage message, CancellationToken cancellation)
    {
        await message.Held.WaitAsync(cancellation);
        return message;
    }

    /// <summary>Fails everything that somebody waits for and every later AddAsync; the journal keeps what it holds.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            foreach (var message in _inFlight.Concat(_streams.Values.SelectMany(stream => stream.Waiting)))
                _ = message.Fail(Stopped());                   // of an earlier run: the next one sends it
            foreach (var waiter in _forRoom)
                waiter.TrySetException(Stopped());
            _forRoom.Clear();
            _inFlight.Clear();
            _streams.Clear();
            _sent = 0;
        }
    }

    public void Dispose()
    {
        Close();
        _pace.Dispose();
    }

    private bool TryEnter(string? stream, ReadOnlyMemory<byte> payload, [NotNullWhen(true)] out OutboxMessage? message, [NotNullWhen(false)] out Waiter? waiter)
    {
        lock (_gate)
        {
            if (_closed)
                throw Stopped();
            var into = StreamOf(stream);
            RequireThatItCanFit(into, payload.Length + OutboxMessage.Overhead);
            (message, waiter) = (null, null);
            if (!DoOthersWaitFor_NeedsGate(into) && MakeRoom_NeedsGate(into, payload.Length + OutboxMessage.Overhead))
                message = Enter_NeedsGate(into, payload);
            else if (into.Policy.WhenFull == WhenFull.Wait)
                waiter = _forRoom.AddLast(new Waiter(into, payload)).Value;
            else
                throw GaveWay_NeedsGate();
            return message is not null;
        }
    }

    private bool DoOthersWaitFor_NeedsGate(OutboxStream stream)
    {
        foreach (var waiter in _forRoom)
        {
            if (waiter.Stream == stream)
                return true;
        }

        return false;
    }

    private OutboxMessage Enter_NeedsGate(OutboxStream stream, ReadOnlyMemory<byte> payload)
    {
        var message = new OutboxMessage(++_lastSequence, stream, _now(), _connection, payload, toDisk: _journal is not null);
        Count_NeedsGate(message);
        stream.Enqueue(message);
        _journal?.Add(message);
        return message;
    }

    private void GiveUp(Waiter waiter, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_forRoom.Remove(waiter))
                waiter.TrySetCanceled(cancellation);
        }
    }

    private void Admit_NeedsGate()
    {
        var blocked = new HashSet<OutboxStream>();             // what came later in a stream must not pass what waits in it
        for (var node = _forRoom.First; node is not null;)
        {
            var (waiter, next) = (node.Value, node.Next);
            if (!blocked.Contains(waiter.Stream) && MakeRoom_NeedsGate(waiter.Stream, waiter.Payload.Length + OutboxMessage.Overhead))
            {
                _forRoom.Remove(node);
                waiter.TrySetResult(Enter_NeedsGate(waiter.Stream, waiter.Payload));
            }
            else
            {
                blocked.Add(waiter.Stream);
            }

            node = next;
        }
    }

    private bool MakeRoom_NeedsGate(OutboxStream into, int size)
    {
        if (into.HasRoomFor(size) && HasRoomFor(size))
            return true;
        foreach (var stream in _streams.Values)
            DropTooOld_NeedsGate(stream);
        while (!into.HasRoomFor(size))
        {
            if (into.Policy.WhenFull != WhenFull.DropOldest || !DropOldest_NeedsGate(into))
                return false;
        }

        while (!HasRoomFor(size))
        {
            if (WhoGivesWayTo(into) is not { } stream || !DropOldest_NeedsGate(stream))
                return false;
        }

        return true;
    }

    private bool HasRoomFor(int size) => _messages < _options.MaxMessages && _bytes + size <= _options.MaxBytes;

    private OutboxStream? WhoGivesWayTo(OutboxStream into) => _streams.Values
        .Where(stream => stream.Oldest is not null && stream.Policy.WhenFull == WhenFull.DropOldest)
        .Where(stream => stream == into || stream.Policy.Priority < into.Policy.Priority)
        .MinBy(stream => (stream.Policy.Priority, stream.Oldest!.Sequence));

    private bool DropOldest_NeedsGate(OutboxStream stream)
    {
        if (stream.Oldest is not { } message)
            return false;
        stream.Dequeue();
        Release_NeedsGate(message);
        _ = message.Fail(GaveWay_NeedsGate());                 // counted: an earlier run's has nobody else to hear of it
        return true;
    }

    private void DropTooOld_NeedsGate(OutboxStream stream)
    {
        if (stream.Policy.MaxAge is not { } most)
            return;
        while (stream.Oldest is { } message && _now() - message.AddedAt > most)
        {
            stream.Dequeue();
            Release_NeedsGate(message);
            _tooOld++;
            _ = message.Fail(new DeviceException(DeviceError.Dropped, $"The message has waited longer than {most}, the most for its stream, and was dropped."));
        }
    }

    private void Count_NeedsGate(OutboxMessage message)
    {
        message.Stream.Count(message);
        (_messages, _bytes) = (_messages + 1, _bytes + message.Size);
    }

    // It is no longer held, on disk neither.
    private void Release_NeedsGate(OutboxMessage message, bool isOnDisk = true)
    {
        message.IsGone = true;
        message.Stream.Discount(message);
        (_messages, _bytes) = (_messages - 1, _bytes - message.Size);
        if (message is { IsHeld: true, Payload: not null } && _journal is not null)
            _resident -= message.PayloadSize;
        if (isOnDisk)
            _journal?.Settle(message);
    }

    private OutboxStream StreamOf(string? name)
    {
        if (_streams.TryGetValue(name ?? Unnamed, out var known))
            return known;
        var stream = new OutboxStream(name, _topics.For(name), _options.PolicyOf(name));
        if (_streams.Count >= StreamsKept)
        {
            foreach (var (key, empty) in _streams.Where(other => other.Value.Messages == 0 && _forRoom.All(waiter => waiter.Stream != other.Value)).ToList())
                _streams.Remove(key);
        }

        _streams.Add(name ?? Unnamed, stream);
        return stream;
    }

    private void RequireThatItCanFit(OutboxStream stream, int size)
    {
        var most = Math.Min(_options.MaxBytes, stream.Policy.MaxBytes ?? long.MaxValue);
        if (size > most)
            throw new DeviceException(DeviceError.Dropped, $"A message of {size} bytes does not fit into an outbox of {most} bytes; make OutboxOptions.MaxBytes larger.");
    }

    private DeviceException Stopped() => new(DeviceError.Stopped, _journal is null
        ? "The device client was disposed before the server stored this message."
        : "The device client was disposed before the server stored this message. It is kept on the disk and sent after the next start.");

    private DeviceException GaveWay_NeedsGate()
    {
        _gaveWay++;
        return new DeviceException(DeviceError.Dropped, "The outbox was full, and by its stream's policy the message gave way.");
    }

    private sealed class Waiter(OutboxStream stream, ReadOnlyMemory<byte> payload) : TaskCompletionSource<OutboxMessage>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public OutboxStream Stream => stream;

        public ReadOnlyMemory<byte> Payload => payload;
    }
}
