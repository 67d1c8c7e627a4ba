// HardwareKey <device id> <server> <root fingerprint> <key URI> [<second key URI>]: a device whose private keys stay in a token or TPM.
// The keys were made beforehand, as docs/device-keys.md says; with two of them renewals change from one to the other.
// In the environment: PKCS11_MODULE_PATH, IOTFLEET_DEVICE_PIN (or the systemd credential device-pin), ENROLMENT_TOKEN at the first start.
using IoTFleet.Device;
using IoTFleet.Device.Identity;

if (args.Length < 4)
{
    Console.Error.WriteLine("usage: HardwareKey <device id> <https://host:8443> <root fingerprint> <pkcs11:... or handle:...> [<second key>]");
    return 2;
}

using var quit = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) => { key.Cancel = true; quit.Cancel(); };
try
{
    await using var device = await DeviceClient.StartAsync(new DeviceOptions
    {
        DeviceId = args[0],
        Server = new Uri(args[1]),
        RootFingerprint = args[2],
        EnrolmentToken = Environment.GetEnvironmentVariable("ENROLMENT_TOKEN"),
        BrokerPort = int.Parse(Environment.GetEnvironmentVariable("BROKER_PORT") ?? "8883"),
        KeyStore = new HardwareKeyStore(new HardwareKeyOptions { Folder = $"{args[0]}-data", Keys = args[3..] }),
        StateChanged = state => Console.WriteLine(state),
        TroubleMet = trouble => Console.Error.WriteLine(trouble.Message),
    }, quit.Token);

    using var everyFiveSeconds = new PeriodicTimer(TimeSpan.FromSeconds(5));
    do
    {
        var receipt = await device.PublishAsync(null, new Dictionary<string, double> { ["temperature"] = 20 + Random.Shared.NextDouble() }, quit.Token);
        Console.WriteLine($"stored {receipt.Sequence}");
    }
    while (await everyFiveSeconds.WaitForNextTickAsync(quit.Token));
}
catch (OperationCanceledException) when (quit.IsCancellationRequested) { }
catch (DeviceException error) { Console.Error.WriteLine(error.Message); return 1; }
return 0;
