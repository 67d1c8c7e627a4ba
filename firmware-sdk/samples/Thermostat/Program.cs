// Thermostat <device id> <server> <root fingerprint> [token file]: enrols, then reports a temperature every five seconds and prints commands.
// The token may also come in ENROLMENT_TOKEN; it is needed at the first start only. BROKER_PORT is 8883 unless set.
using IoTFleet.Device;
using IoTFleet.Device.Identity;

if (args.Length < 3)
{
    Console.Error.WriteLine("usage: Thermostat <device id> <https://host:8443> <root fingerprint> [token file]");
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
        EnrolmentToken = args.Length > 3 ? File.ReadAllText(args[3]).Trim() : Environment.GetEnvironmentVariable("ENROLMENT_TOKEN"),
        BrokerPort = int.Parse(Environment.GetEnvironmentVariable("BROKER_PORT") ?? "8883"),
        KeyStore = new FileKeyStore($"{args[0]}-data"),
        Constrained = true,
        StateChanged = state => Console.WriteLine(state),
    }, quit.Token);

    var answering = device.HandleCommandsAsync((command, cancellation) =>
    {
        Console.WriteLine($"command {command.Name}: {System.Text.Encoding.UTF8.GetString(command.Payload.Span)}");
        return Task.FromResult(command.Name == "blink" ? CommandAnswer.Done : CommandAnswer.UnknownCommand);
    }, quit.Token);
    using var everyFiveSeconds = new PeriodicTimer(TimeSpan.FromSeconds(5));
    while (await everyFiveSeconds.WaitForNextTickAsync(quit.Token))
        await device.PublishAsync(null, new Dictionary<string, double> { ["temperature"] = 20 + Random.Shared.NextDouble() }, quit.Token);
}
catch (OperationCanceledException) when (quit.IsCancellationRequested) { }
catch (DeviceException error) { Console.Error.WriteLine(error.Message); return 1; }
return 0;
