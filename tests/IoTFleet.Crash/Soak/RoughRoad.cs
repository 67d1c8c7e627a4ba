using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Crash.Soak;

/// <summary>Between the devices and one port of the server: each connection has a fate, and at times none is taken at all.</summary>
internal sealed class RoughRoad(int port, int seed) : IAsyncDisposable
{
    private readonly Random _random = new(seed);               // the accepting loop's own
    private readonly CancellationTokenSource _closing = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = [];
    private readonly int[] _struck = new int[Enum.GetValues<Fate>().Length];
    private readonly Lock _gate = new();
    private TcpListener? _listener;
    private Task _accepting = Task.CompletedTask;
    private int _accepted;

    /// <summary>Where devices find it; the same over all openings.</summary>
    public int Port { get; private set; }

    /// <summary>For how long a connection is kept whose one end has gone without the other's hearing of it.</summary>
    public TimeSpan LongestSilence { get; init; } = TimeSpan.FromSeconds(60);

    public bool IsRough { get; set; } = true;

    public int Accepted => Volatile.Read(ref _accepted);

    public int Open => _connections.Count;

    public string Struck => string.Join(", ", Enum.GetValues<Fate>().Where(fate => _struck[(int)fate] > 0).Select(fate => $"{_struck[(int)fate]} {fate}"));

    public void Start()
    {
        var listener = new TcpListener(IPAddress.Loopback, Port);
        listener.Start(backlog: 512);
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        lock (_gate) _listener = listener;
        _accepting = AcceptAsync(listener);
    }

    /// <summary>From now on a connection is refused, until <see cref="Start"/>.</summary>
    public async Task StopTakingAsync()
    {
        lock (_gate) _listener?.Stop();
        await _accepting;
    }

    public void Count(Fate fate) => Interlocked.Increment(ref _struck[(int)fate]);

    public async ValueTask DisposeAsync()
    {
        await StopTakingAsync();
        await _closing.CancelAsync();
        await Task.WhenAll(_connections.Keys);
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                var connection = new RoughConnection(await listener.AcceptSocketAsync(), port, NextFate(), NextTime(), new Random(_random.Next()), this);
                Interlocked.Increment(ref _accepted);
                var running = Task.Run(() => connection.RunAsync(_closing.Token));
                _connections.TryAdd(running, true);
                _ = running.ContinueWith(done => _connections.TryRemove(done, out _), TaskScheduler.Default);
            }
        }
        catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
        {
            // No connection is taken any more.
        }
    }

    private Fate NextFate() => (Fate)_random.Next(_struck.Length);

    // A fifth within the handshakes, the others later and later: some live long enough to count as stable.
    private TimeSpan NextTime() => _random.Next(5) == 0 ? TimeSpan.FromMilliseconds(_random.Next(60)) : TimeSpan.FromSeconds(Math.Min(120, -15 * Math.Log(1 - _random.NextDouble())));
}
