using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using IoTFleet.Api;

namespace IoTFleet.Simulator;

/// <summary>How the demo starts its server.</summary>
internal sealed record ServerLaunch(string ServerDll, string DataFolder, int MqttPort, int HttpsPort, bool Restart);

/// <summary>
/// The demo's own server: a process apart, started again when somebody kills it, and stopped by SIGTERM as a service manager would.
/// It runs in a session of its own, so that Ctrl-C in the terminal reaches the simulator only, and the devices can finish first.
/// </summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const int SigTerm = 15;
    private const int MaximumQuickDeaths = 3;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan QuickDeath = TimeSpan.FromSeconds(10);

    private readonly Action<string> _say;
    private readonly TimeProvider _clock;
    private readonly ServerLog _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource<SimulatorException> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ServerLaunch _launch;
    private Process _process;
    private Task _watch = Task.CompletedTask;

    private ServerProcess(ServerLaunch launch, Action<string> say, TimeProvider clock)
    {
        (_launch, _say, _clock) = (launch, say, clock);
        CreateFolder(launch.DataFolder);
        _log = new ServerLog(Path.Combine(launch.DataFolder, "server.log"));
        _process = Launch();
    }

    public ServerFile File { get; private set; } = null!;

    public string LogFile => _log.Path;

    /// <summary>The process id, which changes when the server is started again.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Completes when the server died and will not come back.</summary>
    public Task<SimulatorException> Lost => _lost.Task;

    /// <summary>Starts the server and waits until it is ready.</summary>
    /// <exception cref="SimulatorException">It did not become ready; the message holds its last lines.</exception>
    public static async Task<ServerProcess> StartAsync(
        ServerLaunch launch, Action<string> say, TimeProvider clock, CancellationToken cancellationToken)
    {
        RefuseSecondServer(launch.DataFolder);
        var server = new ServerProcess(launch, say, clock);
        try
        {
            server.File = await server.WaitReadyAsync(cancellationToken);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
        server._launch = launch with { MqttPort = server.File.MqttPort, HttpsPort = server.File.HttpsPort }; // the same ports ever after
        server._watch = server.WatchAsync();
        return server;
    }

    /// <summary>Asks the server to stop, waits, and kills it when it does not.</summary>
    /// <returns>Whether it stopped by itself with exit code 0.</returns>
    public async Task<bool> StopAsync()
    {
        await _stopping.CancelAsync();
        await _watch;
        if (_process.HasExited) return _process.ExitCode == 0;
        Terminate(_process);
        try
        {
            await _process.WaitForExitAsync().WaitAsync(StopTimeout, _clock);
            return _process.ExitCode == 0;
        }
        catch (TimeoutException)
        {
            _process.Kill();
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
        _log.Dispose();
        _stopping.Dispose();
    }

    private async Task WatchAsync()
    {
        var quickDeaths = 0;
        while (true)
        {
            var started = _clock.GetTimestamp();
            try { await _process.WaitForExitAsync(_stopping.Token); }
            catch (OperationCanceledException) { return; } // we stop it ourselves
            quickDeaths = _clock.GetElapsedTime(started) < QuickDeath ? quickDeaths + 1 : 0;
            var obituary = $"The server (process {_process.Id}) died with exit code {_process.ExitCode}";
            if (!_launch.Restart || quickDeaths >= MaximumQuickDeaths)
            {
                _lost.SetResult(new SimulatorException($"{obituary} and is not started again; {LogFile} says more."));
                return;
            }
            _say($"{obituary}; starting it again. The devices reconnect by themselves.");
            if (!await RestartAsync()) return;
        }
    }

    private async Task<bool> RestartAsync()
    {
        var dead = _process;
        _process = Launch();
        dead.Dispose();
        try
        {
            File = await WaitReadyAsync(_stopping.Token);
            _say($"The server is back (process {_process.Id}).");
            return true;
        }
        catch (OperationCanceledException) { return false; }
        catch (SimulatorException e)
        {
            _lost.SetResult(e);
            return false;
        }
    }

    private Process Launch()
    {
        string[] arguments =
        [
            _launch.ServerDll, "--data", _launch.DataFolder,
            "--mqtt-port", _launch.MqttPort.ToString(CultureInfo.InvariantCulture),
            "--https-port", _launch.HttpsPort.ToString(CultureInfo.InvariantCulture),
        ];
        // setsid(1) replaces itself by the server, so the process id is the server's. Where it is missing Ctrl-C reaches the server too:
        // it then drains while the devices still send, and what it did not take counts as unacked.
        var start = HasSetsid ? new ProcessStartInfo("setsid", ["dotnet", .. arguments]) : new ProcessStartInfo("dotnet", arguments);
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment["IoTFleet__ShowNewKey"] = "false"; // what it prints goes to a log
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        _log.Follow(process);
        return process;
    }

    private async Task<ServerFile> WaitReadyAsync(CancellationToken cancellationToken)
    {
        var started = _clock.GetTimestamp();
        while (_clock.GetElapsedTime(started) < StartTimeout)
        {
            if (_process.HasExited)
                throw new SimulatorException($"The server did not start (exit code {_process.ExitCode}):\n{await LastWordsAsync()}");
            // A file with another process id was left by a server that was killed.
            if (ServerFile.TryRead(_launch.DataFolder) is { } file && file.ProcessId == _process.Id) return file;
            await Task.Delay(LookEvery, _clock, cancellationToken);
        }
        throw new SimulatorException($"The server was not ready after {StartTimeout.TotalSeconds:F0} s; {LogFile} says more.");
    }

    // Shown only of a server that never became ready: one that did has printed the administrator's key, which belongs in no terminal.
    private async Task<string> LastWordsAsync()
    {
        await _process.WaitForExitAsync(); // until its output is read to the end, too
        return _log.Tail;
    }

    // For its owner only, as the server would have made it: keys and database lie below.
    private static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static void RefuseSecondServer(string dataFolder)
    {
        if (ServerFile.TryRead(dataFolder) is not { } file || !IsAlive(file.ProcessId)) return;
        throw new SimulatorException(
            $"A server already runs on {dataFolder} (process {file.ProcessId}). Stop it, give --data another folder, "
            + $"or send it load with: run --server-data {dataFolder}");
    }

    private static bool IsAlive(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return process.ProcessName is "dotnet" or "IoTFleet.Server"; // the number may belong to somebody else by now
        }
        catch (ArgumentException) { return false; }
    }

    private static void Terminate(Process process)
    {
        if (OperatingSystem.IsWindows()) process.Kill(); // no SIGTERM there
        else _ = Kill(process.Id, SigTerm);
    }

    private static readonly bool HasSetsid = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator).Any(folder => System.IO.File.Exists(Path.Combine(folder, "setsid")));

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int processId, int signal);
}
