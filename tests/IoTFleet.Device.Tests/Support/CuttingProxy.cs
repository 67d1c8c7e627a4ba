using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Device.Tests.Support;

/// <summary>What a <see cref="CuttingProxy"/> does when the time has come.</summary>
public enum Cut
{
    /// <summary>Both ends are closed.</summary>
    Close,

    /// <summary>What the device sends is swallowed from then on.</summary>
    SilenceUp,

    /// <summary>What the broker sends is swallowed from then on.</summary>
    SilenceDown,
}

/// <summary>Stands between device and broker and cuts a connection once, right after this many whole MQTT packets, or bytes, in both directions.</summary>
internal sealed class CuttingProxy(ScriptedBroker broker, int packets = int.MaxValue, int bytes = int.MaxValue, Cut cut = Cut.Close) : IAsyncDisposable
{
    private readonly List<Task> _pumps = [];
    private int _left = packets;
    private int _bytesLeft = bytes;

    public async Task<Stream> DialAsync(CancellationToken cancellation)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var device = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await device.ConnectAsync(listener.LocalEndpoint, cancellation);
        var near = new NetworkStream(await listener.AcceptSocketAsync(cancellation), ownsSocket: true);
        var far = await broker.DialAsync(cancellation);
        var connection = new Connection();
        _pumps.Add(PumpAsync(near, far, connection, isSilenced: cut == Cut.SilenceUp));
        _pumps.Add(PumpAsync(far, near, connection, isSilenced: cut == Cut.SilenceDown));
        return new NetworkStream(device, ownsSocket: true);
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(_pumps);

    private async Task PumpAsync(Stream from, Stream to, Connection connection, bool isSilenced)
    {
        try
        {
            while (await ReadPacketAsync(from) is { } packet)
            {
                if (connection.IsSilent && isSilenced)
                    continue;
                var left = Interlocked.Add(ref _bytesLeft, -packet.Length);
                var isCut = left <= 0 && left + packet.Length > 0;
                await to.WriteAsync(isCut ? packet.AsMemory(0, left + packet.Length) : packet);
                if (!isCut && Interlocked.Decrement(ref _left) != 0)
                    continue;
                if (cut == Cut.Close)
                    break;
                connection.IsSilent = true;
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The other pump has closed both sides.
        }

        await from.DisposeAsync();
        await to.DisposeAsync();
    }

    // Fixed header: one byte, then the remaining length in 1 to 4 bytes of 7 bits each.
    private static async Task<byte[]?> ReadPacketAsync(Stream from)
    {
        var packet = new List<byte>();
        var one = new byte[1];
        var (length, shift) = (0, 0);
        do
        {
            if (await from.ReadAsync(one) == 0)
                return null;
            packet.Add(one[0]);
            if (packet.Count == 1)
                continue;
            length |= (one[0] & 0x7F) << shift;
            shift += 7;
        }
        while (packet.Count == 1 || (one[0] & 0x80) != 0);

        var body = new byte[length];
        await from.ReadExactlyAsync(body);
        return [.. packet, .. body];
    }

    private sealed class Connection
    {
        public volatile bool IsSilent;
    }
}
