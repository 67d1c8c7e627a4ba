using System.Globalization;
using System.Text;
using IoTFleet.Device;
using IoTFleet.Device.Identity;

// A small device that measures itself; `IoTFleet.Benchmarks footprint` publishes it in three ways, starts it and reads what it prints, one "what value" a line.
//   IoTFleet.Footprint <folder> <server> <broker port> <root fingerprint> <constrained|usual> <idle seconds> <publishes> <device id>
// The enrolment token comes in ENROLMENT_TOKEN. It ends when it has been cut off and has come back, or, without idle seconds, with its first acknowledgement.

const int Round = 100;

var (idle, publishes) = (int.Parse(args[5], CultureInfo.InvariantCulture), int.Parse(args[6], CultureInfo.InvariantCulture));
var back = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
var left = false;
await using var device = await DeviceClient.StartAsync(new DeviceOptions
{
    DeviceId = args[7],
    Server = new Uri(args[1]),
    BrokerPort = int.Parse(args[2], CultureInfo.InvariantCulture),
    RootFingerprint = args[3],
    EnrolmentToken = Environment.GetEnvironmentVariable("ENROLMENT_TOKEN"),
    KeyStore = new FileKeyStore(args[0]),
    Constrained = args[4] == "constrained",
    StateChanged = OnState,
});

var message = Encoding.UTF8.GetBytes("{\"temperature\":21.5,\"pressure\":1013.25,\"humidity\":40}");
var readings = new Dictionary<string, double> { ["temperature"] = 21.5, ["pressure"] = 1013.25, ["humidity"] = 40 };
await device.WaitConnectedAsync();
Tell("connected", 0);
await device.PublishAsync(null, message);
Tell("acknowledged", 0);
if (idle == 0) return;

// What a start leaves to be done: asking when to renew, and the look, 30 s after a publish, whether it was answered.
await Task.Delay(TimeSpan.FromSeconds(idle < 30 ? 5 : 45), TimeProvider.System);
var before = GC.GetTotalAllocatedBytes(precise: true);
await Task.Delay(TimeSpan.FromSeconds(idle), TimeProvider.System);
Tell("idle-allocated", GC.GetTotalAllocatedBytes(precise: true) - before);
Tell("idle-heap", GC.GetTotalMemory(forceFullCollection: false));
Tell("idle", 0);                                                                            // now the other side reads what /proc says
await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);

await PublishAsync("publish", () => device.PublishAsync(null, message));
await PublishAsync("publish-readings", () => device.PublishAsync(null, readings));
Tell("heap-after", GC.GetTotalMemory(forceFullCollection: true));
Volatile.Write(ref left, true);
Tell("cut", 0);                                                                             // now the other side cuts the connection
await back.Task;
Tell("back", 0);
await device.PublishAsync(null, message);
Tell("done", 0);

async Task PublishAsync(string what, Func<Task<PublishReceipt>> publish)
{
    for (var n = 0; n < 200; n++) await publish();
    Tell(what + "-begins", 0);
    var cpu = Environment.CpuUsage.TotalTime;
    var rounds = new long[Math.Max(1, publishes / Round)];
    for (var round = 0; round < rounds.Length; round++)
    {
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        for (var n = 0; n < Round; n++) await publish();
        rounds[round] = (GC.GetTotalAllocatedBytes(precise: true) - allocated) / Round;
    }

    Tell(what + "-cpu-us", (long)((Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / (rounds.Length * Round)));
    // The median: a handshake beside it, to ask when to renew, allocates as much as hundreds of publishes.
    Array.Sort(rounds);
    Tell(what + "-allocated", rounds[rounds.Length / 2]);
}

void OnState(DeviceState state)
{
    if (Volatile.Read(ref left) && state is DeviceState.Connected) back.TrySetResult();
    if (state is DeviceState.Refused or DeviceState.Waiting) Console.Error.WriteLine(state);
}

static void Tell(string what, long value) => Console.WriteLine($"{what} {value}");
