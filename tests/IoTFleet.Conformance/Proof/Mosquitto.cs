using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Conformance.Proof;

/// <summary>Debian's broker on a port of its own, with nothing set but that everybody may come in.</summary>
internal sealed class Mosquitto : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly int _port = FreePort();
    private Process? _process;

    public string Address => $"127.0.0.1:{_port}";

    public static async Task<Mosquitto> StartAsync()
    {
        var program = Peers.Require("mosquitto");
        var broker = new Mosquitto();
        await File.WriteAllTextAsync(broker._folder.File("mosquitto.conf"), $"listener {broker._port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        broker._process = Process.Start(new ProcessStartInfo(program, ["-c", broker._folder.File("mosquitto.conf")]) { RedirectStandardOutput = true, RedirectStandardError = true });
        broker._process!.OutputDataReceived += (_, _) => { };       // read, so that it never waits for us
        broker._process.ErrorDataReceived += (_, _) => { };
        broker._process.BeginOutputReadLine();
        broker._process.BeginErrorReadLine();
        await Eventually.TrueAsync(broker.AnswersAsync);
        return broker;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _folder.Dispose();
    }

    private async Task<bool> AnswersAsync()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, _port);
            return true;
        }
        catch (SocketException)
        {
            return false;       // not up yet
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
