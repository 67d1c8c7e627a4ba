using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Device.Tests.Support;

/// <summary>A port before a broker, whatever is spoken there: closes both ends once, after this many bytes in both directions.</summary>
internal sealed class ByteCuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ScriptedBroker _broker;
    private readonly List<Task> _pumps = [];
    private readonly Task _accepting;
    private int _left;

    public ByteCuttingProxy(ScriptedBroker broker, int bytes)
    {
        (_broker, _left) = (broker, bytes);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Less than nothing when the cut is done.</summary>
    public int Left => Volatile.Read(ref _left);

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_pumps);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var near = new NetworkStream(await _listener.AcceptSocketAsync(), ownsSocket: true);
                var far = await _broker.DialAsync(default);
                _pumps.Add(PumpAsync(near, far));
                _pumps.Add(PumpAsync(far, near));
            }
        }
        catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task PumpAsync(Stream from, Stream to)
    {
        var buffer = new byte[4096];
        try
        {
            while (await from.ReadAsync(buffer) is > 0 and var count)
            {
                var left = Interlocked.Add(ref _left, -count);
                var isCut = left <= 0 && left + count > 0;
                await to.WriteAsync(buffer.AsMemory(0, isCut ? left + count : count));
                if (isCut)
                    break;
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The other pump has closed both sides.
        }

        await from.DisposeAsync();
        await to.DisposeAsync();
    }
}
