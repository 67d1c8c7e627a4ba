using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>A sample as its reader would run it: a process in a folder of its own, settings in the environment.</summary>
internal sealed class SampleProgram : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Process _process;

    private SampleProgram(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>What it printed, both streams.</summary>
    public string Output => string.Join('\n', _lines);

    /// <summary>Of its memory, what is resident, in bytes. Linux.</summary>
    public long Resident => 1024 * long.Parse(
        File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    public StreamWriter Input => _process.StandardInput;

    public static SampleProgram Start(string folder, string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new SampleProgram(start);
    }

    /// <summary>Waits for a line that begins so, and returns it.</summary>
    public async Task<string> SaysAsync(string beginning, TimeSpan patience)
    {
        await Eventually.TrueAsync(() =>
        {
            if (_process.HasExited && Find() is null) throw new InvalidOperationException($"It ended with {_process.ExitCode}: {Output}");
            return Task.FromResult(Find() is not null);
        }, patience);
        return Find()!;

        string? Find() => _lines.FirstOrDefault(line => line.StartsWith(beginning, StringComparison.Ordinal));
    }

    /// <summary>As the key Ctrl+C does.</summary>
    public async Task<int> InterruptAsync()
    {
        using var kill = Process.Start("sh", ["-c", $"kill -INT {_process.Id}"]);
        await kill.WaitForExitAsync();
        return await ExitCodeAsync();
    }

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null) _lines.Enqueue(line);
    }
}
