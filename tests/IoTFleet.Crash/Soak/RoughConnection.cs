using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Crash.Soak;

/// <summary>One device's connection on the rough road: carried with latency until its fate strikes.</summary>
internal sealed class RoughConnection(Socket near, int port, Fate fate, TimeSpan strikesAfter, Random random, RoughRoad road)
{
    private static readonly TimeSpan Drop = TimeSpan.FromMilliseconds(15);

    private readonly TimeSpan _latency = TimeSpan.FromMilliseconds(random.Next(4) == 0 ? random.Next(150) : random.Next(5));
    private readonly int _dropBytes = random.Next(1, 60);
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _struck;

    public async Task RunAsync(CancellationToken closing)
    {
        using (near)
        using (var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true })
        {
            try
            {
                near.NoDelay = true;
                await far.ConnectAsync(IPAddress.Loopback, port, closing);
                using var ending = CancellationTokenSource.CreateLinkedTokenSource(closing);
                Task[] parts = [CarryAsync(near, far, isUp: true, ending.Token), CarryAsync(far, near, isUp: false, ending.Token), StrikeAsync(near, far, ending.Token)];
                await Task.WhenAny(_over.Task, Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ending.Token));
                await ending.CancelAsync();
                await Task.WhenAll(parts);
            }
            catch (Exception gone) when (gone is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                near.LingerState = new LingerOption(true, 0);  // the server is away, or the run is over
            }
        }
    }

    private async Task StrikeAsync(Socket near, Socket far, CancellationToken ending)
    {
        try
        {
            await Task.Delay(strikesAfter, TimeProvider.System, ending);
            if (!road.IsRough || fate == Fate.Spared) return;
            road.Count(fate);
            _struck = true;
            if (fate == Fate.Reset) (near.LingerState, far.LingerState) = (new LingerOption(true, 0), new LingerOption(true, 0));
            if (fate is Fate.Reset or Fate.Closed) _over.TrySetResult();
        }
        catch (OperationCanceledException)
        {
            // It ended before.
        }
    }

    private async Task CarryAsync(Socket from, Socket to, bool isUp, CancellationToken ending)
    {
        var buffer = new byte[4096];
        try
        {
            while (await from.ReceiveAsync(buffer, ending) is > 0 and var count)
            {
                if (_struck && fate == Fate.Stalled) await Task.Delay(road.LongestSilence, TimeProvider.System, ending);
                if (_latency > TimeSpan.Zero) await Task.Delay(_latency, TimeProvider.System, ending);
                if (!Swallows(isUp)) await SendAsync(to, buffer.AsMemory(0, count), ending);
            }

            // Whoever is cut off without a word learns nothing of the other's end either.
            if (_struck && fate is Fate.SilentUp or Fate.SilentDown or Fate.Silent or Fate.Stalled) await Task.Delay(road.LongestSilence, TimeProvider.System, ending);
        }
        catch (Exception gone) when (gone is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One of the ends has gone, or both are told to.
        }

        _over.TrySetResult();
    }

    private bool Swallows(bool isUp) => _struck && (fate == Fate.Silent || fate == (isUp ? Fate.SilentUp : Fate.SilentDown));

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes, CancellationToken ending)
    {
        while (bytes.Length > 0)
        {
            var drips = _struck && fate == Fate.Dripping && road.IsRough;
            var sent = await to.SendAsync(drips ? bytes[..Math.Min(_dropBytes, bytes.Length)] : bytes, ending);
            bytes = bytes[sent..];
            if (drips) await Task.Delay(Drop, TimeProvider.System, ending);
        }
    }
}
