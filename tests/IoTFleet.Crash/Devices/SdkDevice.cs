using System.Text;
using IoTFleet.Device;
using IoTFleet.Device.Identity;

namespace IoTFleet.Crash.Devices;

/// <summary>A device with the SDK: it survives the server's deaths, and sends what is in its outbox again by itself.</summary>
internal sealed class SdkDevice(Promises promises, MortalServer server, string token, string fingerprint, int readings) : ICrashDevice
{
    private const int Window = 12;

    public Promises Promises => promises;

    public async Task RunAsync(TaskCompletionSource enrolled, CancellationToken done)
    {
        await using var client = await DeviceClient.StartAsync(Options(), done);
        enrolled.SetResult();
        using var room = new SemaphoreSlim(Window);
        while (!done.IsCancellationRequested)
        {
            await room.WaitAsync(done);
            var first = promises.Number(readings);
            _ = SendAsync(client, first, room);
        }
    }

    private async Task SendAsync(DeviceClient client, int first, SemaphoreSlim room)
    {
        try
        {
            await client.PublishAsync(null, Encoding.UTF8.GetBytes(Payload(first)));
            promises.Acknowledge(first, readings);
            room.Release();
        }
        catch (DeviceException stopped) when (stopped.Error == DeviceError.Stopped)
        {
            // The run is over; nothing was promised.
        }
        catch (DeviceException refused)
        {
            promises.Wrong($"reading {first} was refused: {refused.Message}");
            room.Release();
        }
    }

    private string Payload(int first) => readings == 1
        ? "{" + Promises.Body(first) + "}"
        : "[" + string.Join(',', Enumerable.Range(first, readings).Select(number => "{" + Promises.Body(number) + "}")) + "]";

    private DeviceOptions Options() => new()
    {
        DeviceId = promises.Device,
        Server = new Uri($"https://localhost:{server.HttpsPort}"),
        RootFingerprint = fingerprint,
        BrokerPort = server.MqttPort,
        EnrolmentToken = token,
        KeyStore = new MemoryKeyStore(),
        BackoffMin = TimeSpan.FromMilliseconds(50),
        BackoffMax = TimeSpan.FromMilliseconds(300),
    };
}
