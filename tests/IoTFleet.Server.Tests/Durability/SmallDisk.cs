using System.Diagnostics;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>A folder on a file system of its own that is soon full. Only root may mount one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private const string Mountless = "A small file system can be mounted by root on Linux only.";

    private readonly TemporaryFolder _folder = new();

    private SmallDisk(int megabytes) => Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", _folder.Path);

    public TemporaryFolder Folder => _folder;

    private string Ballast => _folder.File("ballast");

    /// <summary>Skips the test where it cannot be had.</summary>
    public static SmallDisk Mount(int megabytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, Mountless);
        try
        {
            return new SmallDisk(megabytes);
        }
        catch (InvalidOperationException forbidden)
        {
            Assert.Skip($"{Mountless} {forbidden.Message}"); // root in a container, mostly
            throw;
        }
    }

    /// <summary>Somebody else takes all that is left.</summary>
    public void Fill()
    {
        using var ballast = new FileStream(Ballast, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true) ballast.Write(new byte[4096]);
        }
        catch (IOException)
        {
            // Full, which was the purpose.
        }
    }

    public void Free() => File.Delete(Ballast);

    public void Dispose()
    {
        Run("umount", "--lazy", _folder.Path); // pooled connections, and a server whose start failed, may still hold files
        _folder.Dispose();
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program}: {said.Trim()}");
    }
}
