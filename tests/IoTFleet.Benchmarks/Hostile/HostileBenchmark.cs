using System.Diagnostics;
using System.Globalization;

namespace IoTFleet.Benchmarks.Hostile;

/// <summary>
/// A hundred devices publish at an even pace while somebody attacks the server, from a process of his own. What counts is what the devices notice. The
/// attacker would have a machine of his own; here he shares the cores, so that he gets what the server and the devices leave of them.
/// </summary>
internal static class HostileBenchmark
{
    private const int MessagesPerSecond = 500;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Attack = TimeSpan.FromSeconds(8);

    public static async Task<int> RunAsync(string[] args)
    {
        var names = args.Where(arg => Attacks.Names.Any(attack => attack.Name == arg)).ToList();
        var port = args is [.., "--port", var given] ? int.Parse(given, CultureInfo.InvariantCulture) : 21_200;
        var folder = Directory.CreateTempSubdirectory("iotfleet-hostile-").FullName;
        try
        {
            await RunAsync(folder, port, Attacks.Names.Where(attack => names.Count == 0 || names.Contains(attack.Name)));
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The attacker's process.</summary>
    public static async Task<int> AttackAsync(string name, string folder, int port)
    {
        using var over = new CancellationTokenSource(Attack, TimeProvider.System);
        var attacks = new Attacks(folder, port, over.Token);
        await attacks.RunAsync(name);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{attacks.Done / Attack.TotalSeconds:0}"));
        return 0;
    }

    private static async Task RunAsync(string folder, int port, IEnumerable<(string Name, string What)> attacks)
    {
        var steady = Enumerable.Range(0, 100).Select(number => $"steady-{number:000}").ToList();
        await using var server = await AttackedServer.StartAsync(folder, [.. steady, .. Enumerable.Range(0, Attacks.Devices).Select(Attacks.DeviceId)], port);
        await using var fleet = await SteadyFleet.ConnectAsync(folder, port, steady, MessagesPerSecond);
        await ObserveAsync(server, fleet, Task.Delay(Rest, TimeProvider.System));      // warm
        Console.WriteLine(Machine.Describe());
        Console.WriteLine();
        Console.WriteLine("| attack | a second | PUBACK p50 / p99 ms at rest | under attack | server CPU, cores | server memory MB, before, most | devices lost |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var (name, what) in attacks)
        {
            var rest = await ObserveAsync(server, fleet, Task.Delay(Rest, TimeProvider.System));
            using var attacker = Process.Start(new ProcessStartInfo("nice", ["-n", "19", "dotnet", typeof(HostileBenchmark).Assembly.Location, "attack", name, folder, $"{port}"]) { RedirectStandardOutput = true })!;
            var attacked = await ObserveAsync(server, fleet, attacker.WaitForExitAsync());
            var rate = (await attacker.StandardOutput.ReadToEndAsync()).Trim();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {what} | {rate} | {rest.P50:0.0} / {rest.P99:0.0} | {attacked.P50:0.0} / {attacked.P99:0.0} | {attacked.Cores:0.00} | {rest.Megabytes}, {attacked.Megabytes} | {fleet.Lost} |"));
        }
    }

    private static async Task<Seen> ObserveAsync(AttackedServer server, SteadyFleet fleet, Task meanwhile)
    {
        fleet.Latencies.Take();
        var (start, cpu, most) = (Stopwatch.GetTimestamp(), server.CpuTime, 0);
        while (!meanwhile.IsCompleted)
        {
            most = Math.Max(most, server.ResidentMegabytes);
            await Task.WhenAny(meanwhile, Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System));
        }

        await meanwhile;
        var cores = (server.CpuTime - cpu) / Stopwatch.GetElapsedTime(start);
        var times = fleet.Latencies.Take(0.5, 0.99);
        return new Seen(times[0] / 1000.0, times[1] / 1000.0, cores, most);
    }

    private sealed record Seen(double P50, double P99, double Cores, int Megabytes);
}
