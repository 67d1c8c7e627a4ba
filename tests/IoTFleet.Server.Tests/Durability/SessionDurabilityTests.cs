using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>
/// The server as a process of its own is killed again and again, without a word, while commands flow to devices that sleep most of the time; over REST and
/// from a backend with a certificate. Each that was promised arrives: at QoS 1 at least once, at QoS 2 exactly once, in order.
/// </summary>
public sealed class SessionDurabilityTests
{
    /// <summary>More for a longer run: IOTFLEET_KILLS=500.</summary>
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("IOTFLEET_KILLS") ?? "50", CultureInfo.InvariantCulture);

    private static readonly string[] Devices = ["pump-1", "pump-2", "pump-3"];

    [Fact]
    public async Task Every_command_that_was_promised_arrives_although_the_server_is_killed_fifty_times()
    {
        using var folder = new TemporaryFolder();
        var (certificates, root, apiKey) = await PrepareAsync(folder);
        var ledger = new Ledger();
        await using var server = new MortalServer(folder);
        using var done = new CancellationTokenSource();
        var rootFile = Path.Combine(folder.Path, "ca", "root.pem");
        var devices = Devices.Select((id, index) => new SleepingDevice(id, certificates[id], root, server, ledger, seed: index)).ToArray();

        await server.StartAsync();
        foreach (var device in devices) await device.TakeAllAsync();        // so that each has subscribed
        Task[] sleeping = [.. devices.Select(device => device.RunAsync(done.Token))];
        Task[] sending =
        [
            .. Devices.Select(id => new OperatorCommands(id, apiKey, rootFile, server, ledger).RunAsync(done.Token)),
            new BackendCommands(Devices, certificates["backend"], root, server, ledger).RunAsync(done.Token),
        ];
        for (var kill = 1; kill <= Kills; kill++) await KillAsync(server, ledger, new Random(kill), [.. sleeping, .. sending]);
        await done.CancelAsync();
        await Task.WhenAll([.. sending, .. sleeping]);
        foreach (var device in devices) await device.TakeAllAsync();

        System.Console.WriteLine($"Killed {Kills} times. {ledger.Summary(Devices)}");
        Assert.Empty(ledger.Account(Devices));
        Assert.True(ledger.Promised > Kills * 10, $"Only {ledger.Promised} commands were promised: that proves little.");
    }

    /// <summary>Somewhere between one command and the next: after some were promised in this life, and some arrived.</summary>
    private static async Task KillAsync(MortalServer server, Ledger ledger, Random random, Task[] busy)
    {
        var (promised, arrived) = (ledger.Promised + random.Next(10, 60), ledger.Arrived + random.Next(1, 30));
        await Eventually.TrueAsync(async () =>
        {
            if (busy.FirstOrDefault(task => task.IsCompleted) is { } ended) await ended;        // nobody ends before they are told to
            return ledger.Promised >= promised && ledger.Arrived >= arrived;
        }, TimeSpan.FromSeconds(60));
        await server.KillAsync();
        await server.StartAsync();
    }

    private static async Task<(Dictionary<string, X509Certificate2> Certificates, X509Certificate2 Root, string ApiKey)> PrepareAsync(TemporaryFolder folder)
    {
        await using var server = await RunningServer.StartAsync(folder, keepFolder: true);
        var certificates = new Dictionary<string, X509Certificate2>();
        foreach (var device in Devices) certificates[device] = await server.EnrolAsync(device);
        certificates["backend"] = await server.CreateServiceAsync("backend", [], ["devices/+/commands/#"]);
        return (certificates, server.Root, server.ApiKey);
    }
}
