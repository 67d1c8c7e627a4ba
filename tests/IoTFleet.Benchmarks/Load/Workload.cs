using System.Net.Security;

namespace IoTFleet.Benchmarks.Load;

/// <summary>A load that can be put on a broker again and again, in its own process.</summary>
internal abstract class Workload(string folder, int port) : IDisposable
{
    private const int ConnectingAtOnce = 16;

    private readonly SslClientAuthenticationOptions _options = LoadClient.Options(folder);

    public Latencies Latencies { get; } = new();

    protected List<LoadClient> Clients { get; } = [];

    public abstract Task PrepareAsync();

    /// <returns>How many operations that were.</returns>
    public abstract Task<int> RunAsync();

    public void Dispose()
    {
        foreach (var client in Clients) client.Dispose();
        Clients.Clear();
    }

    protected Task<LoadClient> ConnectAsync(string clientId) => LoadClient.ConnectAsync(port, _options, clientId);

    protected static string DeviceId(int number) => $"device-{number:00000}";

    protected async Task ConnectAllAsync(int count, Func<LoadClient, int, Task>? then = null)
    {
        var connected = new LoadClient[count];
        await EachAsync(count, ConnectingAtOnce, async number =>
        {
            connected[number] = await ConnectAsync(DeviceId(number));
            if (then is not null) await then(connected[number], number);
        });
        Clients.AddRange(connected);
    }

    protected static Task EachAsync(int count, int atOnce, Func<int, Task> act)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            for (var number = Interlocked.Increment(ref next); number < count; number = Interlocked.Increment(ref next)) await act(number);
        })));
    }
}

/// <summary>Connects and leaves: TCP, TLS 1.3 with both certificates, CONNECT, CONNACK, close.</summary>
internal sealed class HandshakeLoad(string folder, int port, int count) : Workload(folder, port)
{
    private const int AtOnce = 8;

    public override Task PrepareAsync() => Task.CompletedTask;

    public override async Task<int> RunAsync()
    {
        await EachAsync(count, AtOnce, async number =>
        {
            var start = System.Diagnostics.Stopwatch.GetTimestamp();
            using var client = await ConnectAsync(DeviceId(number));
            Latencies.Add(start);
        });
        return count;
    }
}

/// <summary>Devices that lose power and come back, all of them at once.</summary>
internal sealed class StormLoad(string folder, int port, int devices) : Workload(folder, port)
{
    private const int AtOnce = 64;

    public override Task PrepareAsync() => ConnectAllAsync(devices);

    public override async Task<int> RunAsync()
    {
        Dispose();
        var connected = new LoadClient[devices];
        await EachAsync(devices, AtOnce, async number =>
        {
            var start = System.Diagnostics.Stopwatch.GetTimestamp();
            connected[number] = await ConnectAsync(DeviceId(number));
            Latencies.Add(start);
        });
        Clients.AddRange(connected);
        return devices;
    }
}

/// <summary>One service client sends commands at QoS 1; the devices acknowledge them.</summary>
internal sealed class CommandLoad(string folder, int port, int connected, int commanded, int commandsEach) : Workload(folder, port)
{
    private const int Window = 100;

    private readonly SemaphoreSlim _window = new(Window);
    private LoadClient _service = null!;

    public override async Task PrepareAsync()
    {
        await ConnectAllAsync(connected, (device, number) => device.SubscribeAsync($"devices/{DeviceId(number)}/commands/#", qos: 1));
        foreach (var device in Clients)
        {
            device.Received = payload =>
            {
                Latencies.Add(BitConverter.ToInt64(payload));
                _window.Release();
            };
        }

        foreach (var device in Clients.Take(commanded)) _ = Task.Run(() => ListenAsync(device));
        Clients.Add(_service = await ConnectAsync("service"));
        _ = Task.Run(() => ListenAsync(_service));
    }

    /// <summary>The next command leaves when one of the window has arrived at its device.</summary>
    public override async Task<int> RunAsync()
    {
        var count = commanded * commandsEach;
        for (var i = 0; i < count; i++)
        {
            if (!_window.Wait(0))
            {
                await _service.FlushAsync();
                await _window.WaitAsync();
            }

            _service.UseTopic($"devices/{DeviceId(i % commanded)}/commands/set", qos: 1);
            _service.AddPublish(System.Diagnostics.Stopwatch.GetTimestamp(), publisher: 0);
        }

        await _service.FlushAsync();
        for (var i = 0; i < Window; i++) await _window.WaitAsync();
        _window.Release(Window);
        return count;
    }

    private static async Task ListenAsync(LoadClient client)
    {
        try
        {
            while (true) await client.ReadAsync();
        }
        catch (Exception gone) when (gone is IOException or ObjectDisposedException)
        {
            // The run is over.
        }
    }
}
