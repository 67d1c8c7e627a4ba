using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Benchmarks.Brokers;

/// <summary>A broker that was started for the run, and what it uses, read from outside so that both are measured alike.</summary>
internal sealed class BrokerProcess : IAsyncDisposable
{
    private const double TicksPerSecond = 100;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    private BrokerProcess(string name, Process process, int port) => (Name, _process, Port) = (name, process, port);

    public string Name { get; }

    public int Port { get; }

    /// <summary>User and system time of all its threads so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            var stat = File.ReadAllText($"/proc/{_process.Id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            var ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
            return TimeSpan.FromSeconds(ticks / TicksPerSecond);
        }
    }

    /// <summary>Memory that belongs to it alone: not the files it has mapped, and not what the kernel holds for its sockets.</summary>
    public long AnonymousBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{_process.Id}/smaps_rollup").First(line => line.StartsWith("Anonymous:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        }
    }

    /// <param name="tickets">TLS session tickets it gives; HTTPS is then spoken at the next port, too.</param>
    public static async Task<BrokerProcess> StartOursAsync(string folder, int port, int? tickets = null)
    {
        string[] more = tickets is null ? [] : [$"{tickets}", $"{port + 1}"];
        var process = Start("dotnet", [typeof(BrokerProcess).Assembly.Location, "serve", folder, $"{port}", .. more], redirectInput: true);
        return await ReadyAsync(new BrokerProcess("ours", process, port));
    }

    /// <param name="store">What telemetry is stored in, as <see cref="Durable.StoreUnderTest"/> names it.</param>
    public static async Task<BrokerProcess> StartStoringAsync(string folder, int port, string store)
    {
        var process = Start("dotnet", [typeof(BrokerProcess).Assembly.Location, "serve-store", folder, $"{port}", store], redirectInput: true);
        return await ReadyAsync(new BrokerProcess(store, process, port));
    }

    public static async Task<BrokerProcess> StartMosquittoAsync(string folder, int port)
    {
        var process = Start(Mosquitto.Program!, ["-c", Mosquitto.WriteConfiguration(folder, port)], redirectInput: false);
        return await ReadyAsync(new BrokerProcess("mosquitto", process, port));
    }

    /// <summary>openssl's test server, which sends each line back reversed.</summary>
    public static async Task<BrokerProcess> StartOpenSslAsync(int port, IEnumerable<string> arguments)
    {
        var process = Start("openssl", ["s_server", "-accept", $"127.0.0.1:{port}", "-rev", "-quiet", .. arguments], redirectInput: false);
        return await ReadyAsync(new BrokerProcess("openssl", process, port));
    }

    public async ValueTask DisposeAsync()
    {
        if (_process.StartInfo.RedirectStandardInput) _process.StandardInput.Close();
        else _process.Kill();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(StartTimeout, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static Process Start(string program, IEnumerable<string> arguments, bool redirectInput)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = redirectInput, RedirectStandardOutput = true };
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        return process;
    }

    private static async Task<BrokerProcess> ReadyAsync(BrokerProcess broker)
    {
        using var deadline = new CancellationTokenSource(StartTimeout);
        while (true)
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(IPAddress.Loopback, broker.Port, deadline.Token);
                return broker;
            }
            catch (SocketException) when (!broker._process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, deadline.Token);
            }
        }
    }
}
