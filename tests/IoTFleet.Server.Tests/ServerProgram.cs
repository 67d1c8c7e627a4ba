using System.Collections.Concurrent;
using System.Diagnostics;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>A program of ours as a process of its own, as a user starts it.</summary>
internal sealed class ServerProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Process _process;

    private ServerProgram(string assembly, string[] arguments, params (string Name, string Value)[] environment)
        : this(assembly, workingFolder: null, arguments, environment)
    {
    }

    private ServerProgram(string assembly, string? workingFolder, string[] arguments, (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = workingFolder ?? "" };
        start.Environment["IoTFleet__StatusPort"] = "-1";        // many run at once
        foreach (var (name, value) in environment) start.Environment[name] = value;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>What it printed, both streams.</summary>
    public string Output => string.Join('\n', _lines);

    public bool HasExited => _process.HasExited;

    public static ServerProgram Start(params string[] arguments) => new("IoTFleet.Server.dll", arguments);

    public static ServerProgram Start(string[] arguments, params (string Name, string Value)[] environment) => new("IoTFleet.Server.dll", arguments, environment);

    public static ServerProgram StartSimulator(params string[] arguments) => new("IoTFleet.Simulator.dll", arguments);

    /// <summary>One of the SDK's samples, which keeps its files where it is started.</summary>
    public static ServerProgram StartSample(string assembly, string workingFolder, string[] arguments, params (string Name, string Value)[] environment) =>
        new(assembly, workingFolder, arguments, environment);

    /// <summary>Starts a server on free ports and waits until it is ready.</summary>
    public static async Task<(ServerProgram Program, ServerFile Ready)> StartReadyAsync(string data, params string[] arguments)
    {
        var program = Start(["--data", data, "--mqtt-port", "0", "--https-port", "0", .. arguments]);
        return (program, await program.ReadyAsync(data));
    }

    /// <summary>Waits for the file that a ready server leaves in its data folder.</summary>
    public async Task<ServerFile> ReadyAsync(string data) =>
        await Eventually.NotNullAsync(() => _process.HasExited ? throw new InvalidOperationException("It ended: " + Output) : ServerFile.TryRead(data), Patience);

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(5));
        return _process.ExitCode;
    }

    public void Terminate() => Signal("-TERM", _process.Id);

    public static void Kill(int processId) => Signal("-KILL", processId);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static void Signal(string signal, int processId)
    {
        using var kill = Process.Start("sh", ["-c", $"kill {signal} {processId}"]);      // the shell has its own; a bare machine may have no other
        kill.WaitForExit();
    }

    private void Keep(string? line)
    {
        if (line is not null) _lines.Enqueue(line);
    }
}
