using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace IoTFleet.Device.Identity;

/// <summary>
/// Writes that survive a power cut: temporary file, flush to disk, rename, flush of the folder. A device that lost its key
/// after spending a one-time token could not enrol again.
/// </summary>
internal static class DurableFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static void CreatePrivateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
    }

    /// <summary>What a cut leaves of a write; the next write of that file, or the owner's next start, removes it.</summary>
    public static string Temporary(string file) => file + ".new";

    /// <param name="file">Has the old text or the new one whenever the power goes.</param>
    /// <param name="text">UTF-8.</param>
    /// <param name="step">Told after each operation, for tests that stop there.</param>
    /// <param name="cancellation">Stops it before the file is replaced.</param>
    public static async Task ReplaceAsync(string file, string text, Action<string>? step, CancellationToken cancellation)
    {
        var temporary = Temporary(file);
        File.Delete(temporary);                  // left by a power cut, perhaps with a mode of its own
        step?.Invoke("clear " + temporary);
        try
        {
            await WriteAsync(temporary, text, step, cancellation);
            Rename(temporary, file, step);
        }
        catch (IOException)
        {
            File.Delete(temporary);              // a disk that is full needs the room
            throw;
        }
    }

    /// <summary>Takes the place of a file that may be there; either the old or the new one survives a power cut.</summary>
    public static void Rename(string from, string to, Action<string>? step = null)
    {
        File.Move(from, to, overwrite: true);
        step?.Invoke("rename " + to);
        FlushFolder(Path.GetDirectoryName(to)!);
        step?.Invoke("flush folder");
    }

    private static async Task WriteAsync(string file, string text, Action<string>? step, CancellationToken cancellation)
    {
        await using var stream = new FileStream(file, CreateOptions());
        step?.Invoke("create " + file);
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text), cancellation);
        step?.Invoke("write " + file);
        stream.Flush(flushToDisk: true);
        step?.Invoke("flush " + file);
    }

    /// <summary>A new, empty file that only its owner can read, open for reading and writing.</summary>
    public static SafeFileHandle CreatePrivate(string file)
    {
        new FileStream(file, CreateOptions()).Dispose();
        return File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
    }

    /// <summary>For a moment, not to last: nothing is flushed.</summary>
    public static void WritePrivate(string file, string text)
    {
        using var stream = new FileStream(file, CreateOptions());
        stream.Write(Encoding.UTF8.GetBytes(text));
    }

    private static FileStreamOptions CreateOptions()
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;  // from the first byte on: the file is never readable to others
        return options;
    }

    /// <summary>A name is in its folder, so the folder must reach the disk too; .NET opens no folders, hence libc.</summary>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;

        var descriptor = Open(Encoding.UTF8.GetBytes(folder + '\0'), 0);
        if (descriptor < 0)
            throw new IOException($"Folder {folder} cannot be opened to flush it (errno {Marshal.GetLastPInvokeError()}).");
        _ = Flush(descriptor);                   // a file system that cannot flush folders says EINVAL; the file itself is safe
        _ = Close(descriptor);
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync")]
    private static extern int Flush(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
