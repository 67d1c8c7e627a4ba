using System.Globalization;
using IoTFleet.Device.Identity;
using Microsoft.Win32.SafeHandles;

namespace IoTFleet.Device.Telemetry.Disk;

/// <summary>One file of an outbox: written at its end only, deleted when nothing in it is held any more and there is none before it.</summary>
internal sealed class Segment : IDisposable
{
    private const string Extension = ".log";

    private readonly SafeFileHandle _file;

    private Segment(long number, string path, SafeFileHandle file, long length) => (Number, Path, _file, Length) = (number, path, file, length);

    public long Number { get; }

    public string Path { get; }

    public long Length { get; private set; }

    /// <summary>Messages in it that are still held.</summary>
    public int Live { get; set; }

    public static IEnumerable<(long Number, string Path)> In(string folder) => Directory.EnumerateFiles(folder, "*" + Extension)
        .Select(path => (Numbered: long.TryParse(System.IO.Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture, out var number), number, path))
        .Where(file => file.Numbered)
        .Select(file => (file.number, file.path))
        .OrderBy(file => file.number);

    public static Segment Create(string folder, long number)
    {
        var path = System.IO.Path.Combine(folder, number.ToString("D12", CultureInfo.InvariantCulture) + Extension);
        SafeFileHandle? file = null;
        try
        {
            file = DurableFile.CreatePrivate(path);
            DurableFile.FlushFolder(folder);
            return new Segment(number, path, file, length: 0);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            File.Delete(path);                                 // or the next attempt would find the name taken, and every one after it
            throw;
        }
    }

    public static Segment Open(long number, string path)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        return new Segment(number, path, file, RandomAccess.GetLength(file));
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(_file, bytes, Length);
        Length += bytes.Length;
    }

    public void Flush() => RandomAccess.FlushToDisk(_file);

    /// <summary>Takes off what a power cut has left of a record at the end.</summary>
    public void CutTo(long length)
    {
        RandomAccess.SetLength(_file, length);
        Length = length;
        Flush();
    }

    /// <exception cref="EndOfStreamException">The file is shorter.</exception>
    public byte[] Read(long offset, int length)
    {
        var bytes = new byte[length];
        for (var read = 0; read < length;)
        {
            var more = RandomAccess.Read(_file, bytes.AsSpan(read), offset + read);
            read += more > 0 ? more : throw new EndOfStreamException($"{Path} ends before byte {offset + length}.");
        }

        return bytes;
    }

    public void Delete()
    {
        Dispose();
        File.Delete(Path);
    }

    public void Dispose() => _file.Dispose();
}

/// <summary>Where a message's record is.</summary>
internal sealed record Place(Segment Segment, long Offset, int Length);

/// <summary>A message that an earlier run has left.</summary>
internal sealed record FoundMessage(long Sequence, string? Stream, DateTimeOffset AddedAt, Place Place, int PayloadSize)
{
    public bool MayHaveOvertaken { get; init; }
}

/// <summary>Something for the journal to write.</summary>
internal readonly record struct JournalEntry(RecordKind Kind, OutboxMessage Message);
