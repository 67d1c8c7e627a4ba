using System.CommandLine;
using System.Globalization;
using IoTFleet.Benchmarks.Brokers;
using IoTFleet.Benchmarks.Load;
using IoTFleet.Testing;

namespace IoTFleet.Benchmarks.Durable;

/// <summary>
/// What it costs to acknowledge only what is stored: the broker with our telemetry behind it beside the same broker with nothing behind it, the same load
/// on each in turns. CPU time of the broker's process, with the merge into the tables that goes on behind, and of PostgreSQL's, where that is the store; latency from PUBLISH to PUBACK.
/// </summary>
internal sealed class TelemetryBenchmark(string folder, int firstPort, int rounds, PostgreSqlCluster? cluster)
{
    private static readonly (string Load, string Title, int WarmUp)[] Rows =
    [
        ("store1000s", "200 bytes, 1 metric, 1,000/s over 100 devices", 2),
        ("store5000s", "200 bytes, 1 metric, 5,000/s over 100 devices", 2),
        ("store", "200 bytes, 1 metric, full speed, 1,000 devices, window 20", 3),
        ("store24", "500 bytes, 24 metrics, full speed, 1,000 devices, window 20", 3),
    ];

    private int _port = firstPort;

    public static Task<int> RunAsync(string[] args)
    {
        var stores = new Argument<string[]>("stores") { Description = $"Which stores; all without a name: {string.Join(", ", StoreUnderTest.Names)}" };
        var rounds = new Option<int>("--rounds") { Description = "Rounds for each row", DefaultValueFactory = _ => 5 };
        var port = new Option<int>("--port") { Description = "First port; each broker that is started takes the next", DefaultValueFactory = _ => 21_700 };
        var loads = new Option<string[]>("--load") { Description = "Which loads; all without it", DefaultValueFactory = _ => [.. Rows.Select(row => row.Load)], AllowMultipleArgumentsPerToken = true };
        loads.AcceptOnlyFromAmong([.. Rows.Select(row => row.Load)]);
        var root = new RootCommand("What an acknowledgement costs that means stored") { stores, rounds, port, loads };
        root.SetAction(given => RunAsync(given.GetValue(stores) is { Length: > 0 } some ? some : [.. StoreUnderTest.Names], given.GetValue(loads)!, given.GetValue(rounds), given.GetValue(port)));
        return root.Parse(args).InvokeAsync();
    }

    private static async Task<int> RunAsync(string[] stores, string[] loads, int rounds, int port)
    {
        if (stores.Except(StoreUnderTest.Names).ToList() is { Count: > 0 } unknown)
        {
            await Console.Error.WriteLineAsync($"Unknown: {string.Join(", ", unknown)}. There is: {string.Join(", ", StoreUnderTest.Names)}.");
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("iotfleet-telemetry-").FullName;
        try
        {
            Console.WriteLine(Machine.Describe());
            Console.WriteLine("\n| load | store | CPU µs a message | ratio to none (spread) | PUBACK p50 / p95 / p99 ms | messages a second |\n|---|---|---|---|---|---|");
            var disk = BareDisk.Measure(folder, TimeSpan.FromSeconds(10), 0.5, 0.95, 0.99);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| 5,000/s, without a broker | the disk's flushes alone | | | {disk[0] / 1000.0:0.00} / {disk[1] / 1000.0:0.00} / {disk[2] / 1000.0:0.00} | |"));
            BrokerCertificates.Open(folder).Dispose();
            await using var cluster = stores.Contains(StoreUnderTest.PostgreSql) ? await PostgreSqlCluster.StartAsync() : null;
            foreach (var (load, title, warmUp) in Rows.Where(row => loads.Contains(row.Load))) await new TelemetryBenchmark(folder, port, rounds, cluster).CompareAsync(load, title, warmUp, stores);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task CompareAsync(string load, string title, int warmUp, string[] stores)
    {
        var sides = new List<Side>();
        if (cluster is not null) await File.WriteAllTextAsync(StoreUnderTest.ConnectionFile(folder), cluster.ConnectionString(await cluster.CreateDatabaseAsync()));
        foreach (var store in stores) sides.Add(await Side.StartAsync(folder, load, store, _port++, cluster));
        foreach (var side in sides)
        {
            for (var round = 0; round < warmUp; round++) await side.RunAsync();
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var side in sides) await side.MeasureAsync();
        }

        foreach (var side in sides) Console.WriteLine($"| {title} | {side.Store} | {side.Row(sides[0])} |");
        foreach (var side in sides) await side.DisposeAsync();
        foreach (var file in Directory.EnumerateFiles(folder, "*.db*")) File.Delete(file);
    }

    private sealed class Side(string store, BrokerProcess broker, LoadProcess load, PostgreSqlCluster? cluster) : IAsyncDisposable
    {
        private readonly List<double> _costs = [];
        private readonly List<RoundReport> _reports = [];

        public string Store => store;

        private TimeSpan CpuTime => broker.CpuTime + (cluster?.CpuTime ?? TimeSpan.Zero);

        public static async Task<Side> StartAsync(string folder, string load, string store, int port, PostgreSqlCluster? cluster)
        {
            var broker = await BrokerProcess.StartStoringAsync(folder, port, store);
            return new Side(store, broker, await LoadProcess.StartAsync(load, folder, broker), store == StoreUnderTest.PostgreSql ? cluster : null);
        }

        public Task<RoundReport> RunAsync() => load.RunAsync();

        public async Task MeasureAsync()
        {
            var before = CpuTime;
            var report = await RunAsync();
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);      // a merge that is under way belongs to it
            _costs.Add((CpuTime - before).TotalMicroseconds / report.Operations);
            _reports.Add(report);
        }

        public string Row(Side baseline)
        {
            var ratios = _costs.Zip(baseline._costs, (one, other) => one / other).Order().ToList();
            return string.Create(CultureInfo.InvariantCulture,
                $"{Median(_costs):0.0} | {Median(ratios):0.00} ({ratios[0]:0.00}..{ratios[^1]:0.00}) | {Milliseconds(report => report.P50):0.00} / {Milliseconds(report => report.P95):0.00} / {Milliseconds(report => report.P99):0.00} | {Median(_reports.Select(report => report.Operations / report.Seconds)):0}");
        }

        public async ValueTask DisposeAsync()
        {
            load.Dispose();
            await broker.DisposeAsync();
        }

        private double Milliseconds(Func<RoundReport, int> time) => Median(_reports.Select(report => time(report) / 1000.0));

        private static double Median(IEnumerable<double> values)
        {
            var sorted = values.Order().ToList();
            return sorted[(sorted.Count - 1) / 2];
        }
    }
}
