// Gateway: passes on what the machines behind it measure, also what they measured in hours without a network. Alarms go first, then the rest in its order.
// Settings come from the environment, as ../systemd/gateway.service sets them:
//   DEVICE_ID, SERVER (https://host:8443), ROOT_FINGERPRINT, BROKER_PORT (8883 unless set)
//   STATE_DIRECTORY                where the key and the messages are kept; the present folder unless set
//   CREDENTIALS_DIRECTORY          holds the file enrolment-token, needed at the first start only; or ENROLMENT_TOKEN
// Lines on standard input are the field bus: "<machine> <value>", for example "press-2 81.5"; a value above 80 is an alarm, too, or above what operators want:
//   iotfleet twin set <device id> '{"alarmAbove":75}'
using System.Globalization;
using System.Text.Json;
using IoTFleet.Device;
using IoTFleet.Device.Identity;

using var quit = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) => { key.Cancel = true; quit.Cancel(); };
using var terminated = System.Runtime.InteropServices.PosixSignalRegistration.Create(
    System.Runtime.InteropServices.PosixSignal.SIGTERM, signal => { signal.Cancel = true; quit.Cancel(); });
var state = Environment.GetEnvironmentVariable("STATE_DIRECTORY") ?? ".";
try
{
    await using var device = await DeviceClient.StartAsync(new DeviceOptions
    {
        DeviceId = Setting("DEVICE_ID"),
        Server = new Uri(Setting("SERVER")),
        RootFingerprint = Setting("ROOT_FINGERPRINT"),
        EnrolmentToken = Token(),
        BrokerPort = int.Parse(Environment.GetEnvironmentVariable("BROKER_PORT") ?? "8883", CultureInfo.InvariantCulture),
        KeyStore = new FileKeyStore(Path.Combine(state, "keys")),
        Outbox = new OutboxOptions
        {
            Folder = Path.Combine(state, "outbox"),
            MaxMessages = 50_000,
            MaxBytes = 64 * 1024 * 1024,
            Default = new StreamPolicy { MaxAge = TimeSpan.FromDays(7), WhenFull = WhenFull.DropOldest },
            Streams = new Dictionary<string, StreamPolicy> { ["alarms"] = new() { Priority = 9 } },
        },
        Twin = new TwinOptions { Folder = state },
        StateChanged = now => Console.WriteLine(now),
        TroubleMet = trouble => Console.Error.WriteLine(trouble.Message),
    }, quit.Token);

    var alarmAbove = AlarmAbove(device.Twin.Applied);             // known from the last run, also without a network
    var following = Task.Run(async () =>
    {
        await device.Twin.ReportAsync("""{"firmware":"1.4.0"}"""u8.ToArray(), quit.Token);
        await foreach (var change in device.Twin.DesiredChangesAsync(quit.Token))
            Volatile.Write(ref alarmAbove, AlarmAbove(change.Full));
    }, quit.Token);

    using var fieldBus = new StreamReader(Console.OpenStandardInput());
    while (await fieldBus.ReadLineAsync(quit.Token).AsTask().WaitAsync(quit.Token) is { } line)   // the console's own reader would wait without listening
    {
        if (line.Split(' ') is not [var machine, var text] || !double.TryParse(text, CultureInfo.InvariantCulture, out var value))
            continue;
        // Held on the disk when these return; the server gets them when it can be reached.
        if (value > Volatile.Read(ref alarmAbove))
            await device.QueueAsync("alarms", new Dictionary<string, double> { [machine] = value }, quit.Token);
        await device.QueueAsync(machine, new Dictionary<string, double> { ["temperature"] = value }, quit.Token);
    }

    await following;
}
catch (OperationCanceledException) when (quit.IsCancellationRequested) { }
catch (DeviceException error) { Console.Error.WriteLine(error.Message); return 1; }
return 0;

static double AlarmAbove(JsonElement desired) =>
    desired.TryGetProperty("alarmAbove", out var limit) && limit.ValueKind == JsonValueKind.Number ? limit.GetDouble() : 80;

static string Setting(string name) => Environment.GetEnvironmentVariable(name) ?? throw new DeviceException(DeviceError.OptionsNotValid, $"{name} is not set.");

static string? Token()
{
    var file = Path.Combine(Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY") ?? "", "enrolment-token");
    var token = File.Exists(file) ? File.ReadAllText(file).Trim() : Environment.GetEnvironmentVariable("ENROLMENT_TOKEN");
    return string.IsNullOrEmpty(token) ? null : token;
}
