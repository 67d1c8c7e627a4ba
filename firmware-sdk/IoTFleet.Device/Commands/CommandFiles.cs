using System.Buffers;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Telemetry.Disk;

namespace IoTFleet.Device.Commands;

/// <summary>A command that was begun, and what has become of it.</summary>
/// <param name="Order">Rises with each that is begun.</param>
/// <param name="Id">The command's.</param>
/// <param name="Kind"><see cref="RecordKind.CommandBegun"/>, <see cref="RecordKind.CommandAnswered"/> or <see cref="RecordKind.AnswerStored"/>.</param>
/// <param name="Answer">As sent; empty before there is one.</param>
internal sealed record CommandRow(long Order, string Id, RecordKind Kind, ReadOnlyMemory<byte> Answer);

/// <summary>
/// The ledger's folder: one append-only file in the outbox's format. When it has grown, what is still known is written to a new file, and the old one goes when that is
/// on the disk. One thread at a time.
/// </summary>
internal sealed class CommandFiles : IDisposable
{
    private const int EnoughToRewrite = 64 * 1024;

    private readonly string _folder;
    private readonly string _device;
    private readonly FileStream _lock;
    private readonly Dictionary<string, CommandRow> _found = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _buffer = new(256);
    private readonly List<Segment> _old = [];
    private Segment? _active;
    private long _lengthAtRewrite;
    private bool _isBroken;                                    // a write failed: how far it came is not known, so nothing follows it there

    private CommandFiles(string folder, string device, FileStream @lock) => (_folder, _device, _lock) = (folder, device, @lock);

    /// <summary>What an earlier run has left, oldest first.</summary>
    public IEnumerable<CommandRow> Found => _found.Values.OrderBy(row => row.Order);

    public bool IsDue => _isBroken || _active is null || _active.Length > Math.Max(EnoughToRewrite, 2 * _lengthAtRewrite);

    /// <exception cref="IOException">The folder is in use, or cannot be used.</exception>
    /// <exception cref="DeviceException">It belongs to another device.</exception>
    public static CommandFiles Open(string folder, string device)
    {
        DurableFile.CreatePrivateFolder(Path.GetDirectoryName(folder)!);
        DurableFile.CreatePrivateFolder(folder);
        var files = new CommandFiles(folder, device, new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        try
        {
            files.Read();
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <exception cref="IOException">The disk did not take it.</exception>
    public void Append(CommandRow row)
    {
        var segment = _active ?? throw new IOException("There is no file to write to.");
        _buffer.ResetWrittenCount();
        RecordFormat.WriteCommand(_buffer, segment.Number, row.Kind, row.Order, row.Id, row.Answer.Span);
        _isBroken = true;
        segment.Append(_buffer.WrittenSpan);
        if (row.Kind != RecordKind.AnswerStored)
            segment.Flush();                                   // lost, that an answer is stored costs sending it again
        _isBroken = false;
    }

    /// <summary>Begins a new file with these alone.</summary>
    /// <exception cref="IOException">The disk did not take it; what there was stays.</exception>
    public void Rewrite(IEnumerable<CommandRow> rows)
    {
        var number = Math.Max(_active?.Number ?? 0, _old.Count == 0 ? 0 : _old[^1].Number) + 1;
        var segment = Segment.Create(_folder, number);
        try
        {
            _buffer.ResetWrittenCount();
            RecordFormat.WriteHead(_buffer, number, _device, 0);
            foreach (var row in rows)
                RecordFormat.WriteCommand(_buffer, number, row.Kind, row.Order, row.Id, row.Answer.Span);
            segment.Append(_buffer.WrittenSpan);
            segment.Flush();
        }
        catch (IOException)
        {
            segment.Delete();
            throw;
        }

        if (_active is { } before)
            _old.Add(before);
        (_active, _isBroken, _lengthAtRewrite) = (segment, false, segment.Length);
        _old.ForEach(old => old.Delete());
        _old.Clear();
    }

    public void Dispose()
    {
        _active?.Dispose();
        _old.ForEach(old => old.Dispose());
        _lock.Dispose();
    }

    private void Read()
    {
        foreach (var (number, path) in Segment.In(_folder).ToList())
        {
            var segment = Segment.Open(number, path);
            _old.Add(segment);
            var bytes = segment.Read(0, checked((int)segment.Length));
            for (var at = 0; RecordFormat.TryRead(bytes.AsSpan(at), number, out var record); at += record.Length)
                Take(record);                                  // what a power cut has left of the last one is not written to again
        }

        Rewrite(Found);
    }

    private void Take(RecordFormat.Record record)
    {
        if (record.Kind == RecordKind.Head && record.Device != _device)
            throw new DeviceException(DeviceError.CommandFailed, $"{_folder} holds commands of device {record.Device}, and this is {_device}; give each device a folder of its own.");
        if (record.Kind is not (RecordKind.CommandBegun or RecordKind.CommandAnswered or RecordKind.AnswerStored) || record.Stream is not { } id)
            return;
        var answer = record.Kind == RecordKind.AnswerStored && record.Payload.IsEmpty && _found.TryGetValue(id, out var before) ? before.Answer : record.Payload.ToArray();
        _found[id] = new CommandRow(record.Sequence, id, record.Kind, answer);
    }
}
