using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Benchmarks.Footprint;

/// <summary>Passes bytes on between a device and its server, and counts them: what TCP carries, TLS included.</summary>
internal sealed class CountingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly int _target;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Socket> _open = [];
    private readonly Task _accepting;
    private long _up;
    private long _down;
    private int _connections;

    public CountingProxy(int target)
    {
        _target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>So far, in both directions and on all connections.</summary>
    public Traffic Seen => new(Interlocked.Read(ref _up), Interlocked.Read(ref _down), Volatile.Read(ref _connections));

    /// <summary>As when a network goes away and says so.</summary>
    public void CutAll()
    {
        lock (_open)
        {
            foreach (var socket in _open) socket.Dispose();
            _open.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        CutAll();
        await _accepting;
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var device = await _listener.AcceptSocketAsync(_stopping.Token);
                var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                device.NoDelay = true;
                await server.ConnectAsync("localhost", _target, _stopping.Token);
                Interlocked.Increment(ref _connections);
                lock (_open) _open.AddRange([device, server]);
                _ = PassAsync(device, server, count => Interlocked.Add(ref _up, count));
                _ = PassAsync(server, device, count => Interlocked.Add(ref _down, count));
            }
        }
        catch (OperationCanceledException)
        {
            // The measurement is over.
        }
    }

    private static async Task PassAsync(Socket from, Socket to, Action<int> count)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            for (int read; (read = await from.ReceiveAsync(buffer)) > 0;)
            {
                count(read);
                await to.SendAsync(buffer.AsMemory(0, read));
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // One side has gone, or it was cut on purpose.
        }
    }
}

/// <param name="Up">Bytes from the device.</param>
/// <param name="Down">Bytes to it.</param>
/// <param name="Connections">Made by it.</param>
internal readonly record struct Traffic(long Up, long Down, int Connections)
{
    public static Traffic operator -(Traffic later, Traffic earlier) => new(later.Up - earlier.Up, later.Down - earlier.Down, later.Connections - earlier.Connections);
}
