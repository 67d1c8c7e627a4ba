using System.Diagnostics;
using System.Globalization;
using IoTFleet.Benchmarks.Brokers;

namespace IoTFleet.Benchmarks.Load;

/// <summary>What one round did, as the load saw it.</summary>
internal sealed record RoundReport(int Operations, double Seconds, int P50, int P95, int P99)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"done {Operations} {Seconds} {P50} {P95} {P99}");

    public static RoundReport Parse(string line)
    {
        var parts = line.Split(' ');
        int Number(int at) => int.Parse(parts[at], CultureInfo.InvariantCulture);
        return new RoundReport(Number(1), double.Parse(parts[2], CultureInfo.InvariantCulture), Number(3), Number(4), Number(5));
    }
}

/// <summary>The load's process: connects, says so, and runs a round for each line it is sent.</summary>
internal static class LoadCommand
{
    public static async Task<int> RunAsync(string load, string folder, int port)
    {
        using var workload = Loads.Create(load, folder, port);
        await workload.PrepareAsync();
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is not null)
        {
            var start = Stopwatch.GetTimestamp();
            var operations = await workload.RunAsync();
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            var times = workload.Latencies.Take(0.5, 0.95, 0.99);
            Console.WriteLine(new RoundReport(operations, seconds, times[0], times[1], times[2]));
        }

        return 0;
    }
}

/// <summary>The loads by name. Each round of them takes the slower broker about a second.</summary>
internal static class Loads
{
    public static Workload Create(string load, string folder, int port) => load switch
    {
        "handshake" => new HandshakeLoad(folder, port, count: 500),
        "storm" => new StormLoad(folder, port, devices: 2_000),
        "qos0" => new PublishLoad(folder, port, devices: 100, qos: 0, window: 20, messagesEach: 2_000, subscriber: false),
        "qos1" => new PublishLoad(folder, port, devices: 100, qos: 1, window: 20, messagesEach: 1_000, subscriber: false),
        "single" => new PublishLoad(folder, port, devices: 100, qos: 1, window: 1, messagesEach: 500, subscriber: false),
        "inout" => new PublishLoad(folder, port, devices: 100, qos: 1, window: 20, messagesEach: 500, subscriber: true),
        "paced" => new PacedLoad(folder, port, devices: 100, messagesPerSecond: 2_000, seconds: 4),
        "commands" => new CommandLoad(folder, port, connected: 2_000, commanded: 2_000, commandsEach: 10),
        "idle" => new CommandLoad(folder, port, connected: 10_000, commanded: 100, commandsEach: 200),
        "few" => new CommandLoad(folder, port, connected: 100, commanded: 100, commandsEach: 200),
        "store" => new PublishLoad(folder, port, devices: 1_000, qos: 1, window: 20, messagesEach: 200, subscriber: false, Readings.Of(metrics: 1, bytes: 200)),
        "store24" => new PublishLoad(folder, port, devices: 1_000, qos: 1, window: 20, messagesEach: 100, subscriber: false, Readings.Of(metrics: 24, bytes: 500)),
        "store1000s" => new PacedLoad(folder, port, devices: 100, messagesPerSecond: 1_000, seconds: 10, Readings.Of(metrics: 1, bytes: 200)),
        "store5000s" => new PacedLoad(folder, port, devices: 100, messagesPerSecond: 5_000, seconds: 10, Readings.Of(metrics: 1, bytes: 200)),
        _ => throw new ArgumentException($"There is no load {load}."),
    };
}

/// <summary>A load's process as the benchmark holds it.</summary>
internal sealed class LoadProcess : IDisposable
{
    private readonly Process _process;

    private LoadProcess(Process process) => _process = process;

    public static async Task<LoadProcess> StartAsync(string load, string folder, BrokerProcess broker)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(LoadProcess).Assembly.Location, "load", load, folder, $"{broker.Port}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = "1";       // the cheapest way for a program that only waits for answers
        var process = new LoadProcess(Process.Start(start)!);
        await process.LineAsync();
        return process;
    }

    public async Task<RoundReport> RunAsync()
    {
        await _process.StandardInput.WriteLineAsync("run");
        return RoundReport.Parse(await LineAsync());
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task<string> LineAsync() =>
        await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The load has ended; its error output says why.");
}
