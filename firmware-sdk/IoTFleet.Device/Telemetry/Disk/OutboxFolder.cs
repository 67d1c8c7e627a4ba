using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Telemetry.Disk;

/// <summary>An outbox's folder as an earlier run has left it, after whatever end that had.</summary>
internal sealed class OutboxFolder : IDisposable
{
    private readonly string _device;
    private readonly Action<DeviceException>? _trouble;
    private readonly FileStream _lock;
    private readonly Dictionary<long, FoundMessage> _found = [];

    private OutboxFolder(string path, string device, Action<DeviceException>? trouble, FileStream @lock) => (Path, _device, _trouble, _lock) = (path, device, trouble, @lock);

    public string Path { get; }

    public List<Segment> Segments { get; } = [];

    public IReadOnlyCollection<FoundMessage> Found => _found.Values;

    /// <summary>Above it are all numbers that were never given to a message; 0 when none was.</summary>
    public long LastSequence { get; private set; }

    /// <exception cref="DeviceException">The folder cannot be used, is in use, or belongs to another device.</exception>
    public static OutboxFolder Open(string path, string device, Action<DeviceException>? trouble)
    {
        OutboxFolder? folder = null;
        try
        {
            DurableFile.CreatePrivateFolder(path);
            folder = new OutboxFolder(path, device, trouble, Lock(path));
            folder.Read();
            return folder;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            folder?.Dispose();
            throw Failed($"The outbox in {path} cannot be opened: {error.Message}", error);
        }
        catch (DeviceException)
        {
            folder?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var segment in Segments)
            segment.Dispose();
        _lock.Dispose();
    }

    private static FileStream Lock(string path)
    {
        var file = System.IO.Path.Combine(path, "lock");
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (File.Exists(file))
        {
            throw Failed($"The outbox in {path} is in use by another client; give each device a folder of its own.", error);
        }
    }

    private void Read()
    {
        var files = Segment.In(Path).ToList();
        foreach (var (number, path) in files)
        {
            var segment = Segment.Open(number, path);
            Segments.Add(segment);
            Read(segment, isLast: number == files[^1].Number);
        }

        foreach (var message in _found.Values)
            message.Place.Segment.Live++;
    }

    // Behind damage the records go on where the next one begins whose checksum holds.
    private void Read(Segment segment, bool isLast)
    {
        var bytes = segment.Read(0, checked((int)segment.Length));
        var good = 0;
        for (var at = 0; at < bytes.Length;)
        {
            if (!RecordFormat.TryRead(bytes.AsSpan(at), segment.Number, out var record))
            {
                at++;
                continue;
            }

            if (at > good)
                TellOfDamage(segment, good, at - good);
            Take(record, new Place(segment, at, record.Length));
            good = at += record.Length;
        }

        if (good == bytes.Length)
            return;
        if (isLast)
            segment.CutTo(good);                               // the write that a power cut has ended: nobody was told that it was done
        else
            TellOfDamage(segment, good, bytes.Length - good);
    }

    private void TellOfDamage(Segment segment, int from, int length) => _trouble?.Invoke(Failed(
        $"{segment.Path} is damaged from byte {from} on: {length} bytes are lost, and with them messages that were held there, or that some were stored already, which are then sent again.", null));

    private void Take(RecordFormat.Record record, Place place)
    {
        LastSequence = Math.Max(LastSequence, record.Kind == RecordKind.Head ? record.Sequence - 1 : record.Sequence);
        switch (record.Kind)
        {
            case RecordKind.Head when record.Device != _device:
                throw Failed($"The outbox in {Path} holds messages of device {record.Device}, and this is {_device}; give each device a folder of its own.", null);
            case RecordKind.Message:
                var before = _found.GetValueOrDefault(record.Sequence);   // it was moved forward, and the end came before its old place was gone
                _found[record.Sequence] = new FoundMessage(record.Sequence, record.Stream, record.AddedAt, place, record.Payload.Length)
                {
                    MayHaveOvertaken = before?.MayHaveOvertaken ?? false,
                };
                break;
            case RecordKind.Settled:
                _found.Remove(record.Sequence);
                break;
            case RecordKind.Mark when _found.TryGetValue(record.Sequence, out var marked):
                _found[record.Sequence] = marked with { MayHaveOvertaken = true };
                break;
        }
    }

    private static DeviceException Failed(string message, Exception? inner) => new(DeviceError.OutboxFailed, message, inner);
}
