using System.Buffers;
using System.Threading.Channels;

namespace IoTFleet.Device.Telemetry.Disk;

/// <summary>
/// Keeps an outbox on disk: an append-only log in segments. One loop writes what has come meanwhile with one write and, as the options say, one flush.
/// <para>
/// After a power cut everything is found again that was said to be held. Found again, too, may be some messages that were settled, and these are among what is sent first,
/// so that the server, which knows a device's last 128 numbers, stores none twice: <see cref="SettledWithoutFlush"/>, and as many as may be in flight while a flush takes
/// its time, because the outbox sends nothing new meanwhile (<see cref="Unflushed"/>).
/// </para>
/// </summary>
internal sealed partial class OutboxJournal : IAsyncDisposable
{
    public const int SettledWithoutFlush = 32;

    // A device without a clock may have lost the last numbers with its power; it must not use one again.
    private const long SequencesSkipped = 100_000;
    private const int EnoughForOneWrite = 64 * 1024;
    private const int SmallBuffer = 4 * 1024;
    private const int LargestKeptBuffer = 16 * 1024;

    private readonly OutboxFolder _folder;
    private readonly string _device;
    private readonly OutboxOptions _options;
    private readonly Action<DeviceException>? _trouble;
    private readonly long _segmentBytes;
    private readonly Channel<JournalEntry> _entries = Channel.CreateUnbounded<JournalEntry>(new UnboundedChannelOptions { SingleReader = true });   // bounded by what the outbox holds
    private ArrayBufferWriter<byte> _buffer = new(SmallBuffer);
    private readonly Lock _files = new();                      // reading beside moving and deleting, flushing by the timer; the rest is the loop's own
    private readonly List<JournalEntry> _owed = [];            // what the disk did not take, though it must be there in the end
    private readonly ITimer _flushSoon;
    private Action<IReadOnlyList<JournalEntry>, DeviceException?> _written = (_, _) => { };
    private Func<Segment, List<OutboxMessage>> _heldIn = _ => [];
    private Task _loop = Task.CompletedTask;
    private Segment? _active;
    private Segment? _abandoned;                               // a write to it failed
    private long _abandonedAt;                                 // up to there it is good
    private long? _writingAt;                                  // where the write under way began
    private volatile bool _isFailing;
    private long _lastGiven;
    private int _settledSinceFlush;
    private int _unflushed;
    private bool _dirty;                                       // something was written and not flushed
    private int _flushIsSet;

    private OutboxJournal(OutboxFolder folder, DeviceOptions options)
    {
        (_folder, _device, _options, _trouble, _lastGiven) = (folder, options.DeviceId, options.Outbox, options.TroubleMet, folder.LastSequence);
        _segmentBytes = Math.Clamp(_options.MaxBytes / 8, 4 * 1024, 4 * 1024 * 1024);
        _flushSoon = options.Clock.CreateTimer(_ => FlushSoon(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The number of the last message that there may have been; the next one's is above it.</summary>
    public long LastSequence => _folder.LastSequence == 0 ? 0 : _folder.LastSequence + SequencesSkipped;

    /// <exception cref="DeviceException">The folder cannot be used, is in use, or belongs to another device.</exception>
    public static OutboxJournal Open(DeviceOptions options) =>
        new(OutboxFolder.Open(Path.GetFullPath(options.Outbox.Folder!), options.DeviceId, options.TroubleMet), options);

    /// <summary>Of the memory it writes from, when it has nothing to write.</summary>
    public int BufferBytes => _buffer.Capacity;

    /// <summary>
    /// How many messages were settled without the disk's knowing for sure. Zero where nobody wants it to (<see cref="OutboxOptions.FlushWithin"/> without end), and while
    /// it cannot be written: then what is held is sent all the same, because a full disk may stay full for long.
    /// </summary>
    public int Unflushed => _isFailing || _options.FlushWithin == Timeout.InfiniteTimeSpan ? 0 : Volatile.Read(ref _unflushed);

    /// <summary>Called before each flush; a test holds it up there, as a slow disk would.</summary>
    internal Action Flushing { get; set; } = () => { };

    /// <summary>What an earlier run has left.</summary>
    public IReadOnlyCollection<FoundMessage> Found => _folder.Found;

    /// <param name="written">Hears of each batch, or why the disk did not take it.</param>
    /// <param name="heldIn">The messages in a segment that are still held.</param>
    public void Start(Action<IReadOnlyList<JournalEntry>, DeviceException?> written, Func<Segment, List<OutboxMessage>> heldIn)
    {
        (_written, _heldIn) = (written, heldIn);
        _loop = Task.Run(RunAsync);
    }

    public void Add(OutboxMessage message) => _entries.Writer.TryWrite(new JournalEntry(RecordKind.Message, message));

    public void Settle(OutboxMessage message)
    {
        Interlocked.Increment(ref _unflushed);
        _entries.Writer.TryWrite(new JournalEntry(RecordKind.Settled, message));
    }

    public void Mark(OutboxMessage message) => _entries.Writer.TryWrite(new JournalEntry(RecordKind.Mark, message));

    /// <summary>A held message's payload.</summary>
    /// <exception cref="DeviceException">The disk does not give it back.</exception>
    public ReadOnlyMemory<byte> Read(OutboxMessage message) => TryRead(message, out var payload)
        ? payload
        : throw new DeviceException(DeviceError.OutboxFailed, $"A held message cannot be read back from {message.Place!.Segment.Path} at byte {message.Place.Offset}: it is lost.");

    /// <summary>Writes and flushes what has been asked for.</summary>
    public async ValueTask DisposeAsync()
    {
        _entries.Writer.TryComplete();
        await _loop;
        await _flushSoon.DisposeAsync();
        _folder.Dispose();
    }

    private async Task RunAsync()
    {
        var batch = new List<JournalEntry>();
        while (await _entries.Reader.WaitToReadAsync())
        {
            Gather(batch);
            var failure = Tried(() => WriteAll(batch));
            if (failure is not null && MakesRoom(batch))
                failure = Tried(() => WriteAll(batch));
            if (failure is not null)
                GiveUp(batch, failure);
            _written(batch, failure);
            if (failure is null && Tried(MakeFilesFew) is { } trouble)
                GiveUp([], trouble);
            batch.Clear();
            BeSmall(batch);
        }

        Tell(Tried(() => WriteAll(_owed)));
        Tell(Tried(Flush));
    }

    // One large message, or the rush after an outage, must not cost memory for as long as the device runs.
    private void BeSmall(List<JournalEntry> batch)
    {
        if (_buffer.Capacity > LargestKeptBuffer)
            _buffer = new ArrayBufferWriter<byte>(SmallBuffer);
        if (batch.Capacity > 256)
            batch.Capacity = 0;
    }

    private void Gather(List<JournalEntry> batch)
    {
        batch.AddRange(_owed);
        _owed.Clear();
        for (var bytes = 0; bytes < EnoughForOneWrite && _entries.Reader.TryRead(out var entry); batch.Add(entry))
            bytes += entry.Kind == RecordKind.Message ? entry.Message.Size : 0;
    }

    private void WriteAll(List<JournalEntry> batch)
    {
        if (batch.Count == 0)
            return;
        var segment = BeginWrite();
        var places = new List<(OutboxMessage Message, Place Place)>();
        foreach (var (kind, message) in batch)
        {
            if (kind == RecordKind.Message)
                Encode(message, message.Payload!.Value.Span, segment, places);
            else
                RecordFormat.WriteWord(_buffer, segment.Number, kind, message.Sequence);
        }

        segment.Append(_buffer.WrittenSpan);
        FlushIfDue(batch);
        _isFailing = false;
        Put(places);
        Discount(batch);
    }

    private bool TryRead(OutboxMessage message, out ReadOnlyMemory<byte> payload)
    {
        payload = default;
        lock (_files)
        {
            try
            {
                var (segment, offset, length) = message.Place!;
                var bytes = segment.Read(offset, length);
                if (!RecordFormat.TryRead(bytes, segment.Number, out var record))
                    return false;
                payload = bytes.AsMemory(^record.Payload.Length..);
                return true;
            }
            catch (IOException)
            {
                return false;                                  // must not pass for a lost connection, or the same message would end each new one
            }
        }
    }

    private void Encode(OutboxMessage message, ReadOnlySpan<byte> payload, Segment segment, List<(OutboxMessage Message, Place Place)> places)
    {
        var begin = _buffer.WrittenCount;
        RecordFormat.WriteMessage(_buffer, segment.Number, message, payload);
        places.Add((message, new Place(segment, segment.Length + begin, _buffer.WrittenCount - begin)));
        _lastGiven = Math.Max(_lastGiven, message.Sequence);
    }

    private void Put(List<(OutboxMessage Message, Place Place)> places)
    {
        lock (_files)
        {
            foreach (var (message, place) in places)
            {
                if (message.Place is { } before)
                    before.Segment.Live--;
                message.Place = place;
                place.Segment.Live++;
            }
        }
    }

    private DeviceException? Tried(Action what)
    {
        try
        {
            what();
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new DeviceException(DeviceError.OutboxFailed, $"The outbox in {_folder.Path} cannot be written: {error.Message}", error);
        }
    }

    private void Tell(DeviceException? trouble)
    {
        if (trouble is not null)
            _trouble?.Invoke(trouble);
    }

    private void FlushSoon()
    {
        Volatile.Write(ref _flushIsSet, 0);
        Tell(Tried(Flush));
    }
}
