using System.Diagnostics;

namespace IoTFleet.Simulator;

/// <summary>
/// What the server prints, kept in a file for its owner only. The last lines are at hand to explain a server that does not start.
/// </summary>
internal sealed class ServerLog : IDisposable
{
    private const int LinesAtHand = 20;
    private readonly Lock _gate = new();
    private readonly StreamWriter _file;
    private readonly Queue<string> _last = new();

    public ServerLog(string path)
    {
        Path = path;
        var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        _file = new StreamWriter(path, options) { AutoFlush = true };
    }

    public string Path { get; }

    public string Tail
    {
        get { lock (_gate) return string.Join('\n', _last); }
    }

    public void Follow(Process process)
    {
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public void Dispose()
    {
        lock (_gate) _file.Dispose();
    }

    private void Add(string? line)
    {
        if (line is null) return;
        lock (_gate)
        {
            if (_file.BaseStream is not { CanWrite: true }) return; // the last lines of a process that outlived its log
            _file.WriteLine(line);
            _last.Enqueue(line);
            if (_last.Count > LinesAtHand) _last.Dequeue();
        }
    }
}
