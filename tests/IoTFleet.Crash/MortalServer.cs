using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using IoTFleet.Api;

namespace IoTFleet.Crash;

/// <summary>The server as a process of its own, on one folder and one pair of ports, killed and started again.</summary>
internal sealed class MortalServer(string data, string? mutant) : IAsyncDisposable
{
    private const int FirstPort = 20_000; // below what the system gives to outgoing connections, which could take a dead server's port
    private const int LastPort = 32_000;
    private const int KeptLines = 200;
    private const int Terminate = 15;
    private const int Continue = 18;      // these two are Linux's
    private const int Stop = 19;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly ConcurrentQueue<string> _output = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource _up = NewSource();
    private Process? _process;
    private long _started;

    public int MqttPort { get; } = FreePort();

    public int HttpsPort { get; } = FreePort();

    public string RootFile => Path.Combine(data, "ca", "root.pem");

    public string ApiKey => File.ReadAllText(Path.Combine(data, "admin.key")).Trim();

    /// <summary>How long the last start took that was let happen.</summary>
    public TimeSpan StartTook { get; private set; } = TimeSpan.FromSeconds(2);

    /// <summary>What it printed last, over all its lives.</summary>
    public string Output => string.Join('\n', _output);

    /// <summary>Completes while a server is ready.</summary>
    public Task WhenUpAsync(CancellationToken done)
    {
        lock (_gate) return _up.Task.WaitAsync(done);
    }

    /// <summary>Of every life: which database.</summary>
    public IReadOnlyList<(string Name, string Value)> Lasting { get; set; } = [];

    public FleetClient Operator() => new(new Uri($"https://localhost:{HttpsPort}"), ApiKey, ServerTrust.FromRootFile(RootFile));

    public void Start(params (string Name, string Value)[] settings)
    {
        var program = Path.Combine(AppContext.BaseDirectory, mutant is null ? "IoTFleet.Server.dll" : "IoTFleet.Crash.dll");
        string[] arguments = mutant is null ? [program, "--data", data] : [program, "serve", "--mutant", mutant, "--data", data];
        var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["IoTFleet__StatusPort"] = "-1";
        start.Environment["IoTFleet__MqttPort"] = $"{MqttPort}";
        start.Environment["IoTFleet__HttpsPort"] = $"{HttpsPort}";
        start.Environment["DOTNET_TieredPGO"] = "0"; // it lives for seconds
        foreach (var (name, value) in Lasting.Concat(settings)) start.Environment[name] = value;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _started = TimeProvider.System.GetTimestamp();
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public async Task ReadyAsync(CancellationToken ct)
    {
        while (ServerFile.TryRead(data)?.ProcessId != _process!.Id)
        {
            if (_process.HasExited) throw new CrashRunException($"The server did not start again, but ended with {_process.ExitCode}:\n{Output}");
            if (TimeProvider.System.GetElapsedTime(_started) > Patience) throw new CrashRunException($"The server was not ready within {Patience.TotalSeconds} s:\n{Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, ct);
        }
        StartTook = TimeProvider.System.GetElapsedTime(_started);
        lock (_gate) _up.TrySetResult();
    }

    /// <summary><c>kill -9</c>.</summary>
    public async Task KillAsync()
    {
        if (_process is not { } process) return;
        lock (_gate) _up = NewSource();
        _process = null;
        var died = process.HasExited;
        if (!died) process.Kill();
        await process.WaitForExitAsync();
        var code = process.ExitCode;
        process.Dispose();
        if (died) throw new CrashRunException($"The server ended by itself with {code}, before it was killed:\n{Output}");
    }

    /// <summary>SIGTERM, as from an operator who installs a new version; waits until it has gone.</summary>
    public async Task StopAsync(CancellationToken ct)
    {
        if (_process is not { } process) return;
        lock (_gate) _up = NewSource();
        _process = null;
        using (process)
        {
            Signal(process, Terminate);
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
            deadline.CancelAfter(Patience);
            try
            {
                await process.WaitForExitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                throw;
            }

            if (process.ExitCode != 0) throw new CrashRunException($"Told to stop, the server ended with {process.ExitCode}:\n{Output}");
        }
    }

    /// <summary>It is there and takes connections, as far as the kernel does, and says nothing.</summary>
    public void Freeze() => Signal(_process!, Stop);

    public void Thaw() => Signal(_process!, Continue);

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false } process) process.Kill();
        if (_process is not null) await _process.WaitForExitAsync();
        _process?.Dispose();
    }

    private static void Signal(Process process, int signal)
    {
        if (SendSignal(process.Id, signal) != 0) throw new CrashRunException($"The server cannot be signalled: errno {Marshal.GetLastPInvokeError()}.");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int SendSignal(int process, int signal);

    private void Keep(string? line)
    {
        if (line is null) return;
        _output.Enqueue(line);
        if (_output.Count > KeptLines) _output.TryDequeue(out _);
    }

    private static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(FirstPort, LastPort);   // not of a seed: two runs of one seed would want the same
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Any, port));
                return port;
            }
            catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // Somebody listens there; the next one.
            }
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>The run cannot go on; the message says what the server did.</summary>
internal sealed class CrashRunException(string message) : Exception(message);
