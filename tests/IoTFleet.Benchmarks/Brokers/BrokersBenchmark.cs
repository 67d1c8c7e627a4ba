using System.Globalization;
using System.Text;
using IoTFleet.Benchmarks.Load;

namespace IoTFleet.Benchmarks.Brokers;

/// <summary>One line of the comparison. <paramref name="Goal"/> is the ratio of our CPU time to the other's that is to be kept.</summary>
internal sealed record Row(string Load, string Title, string Goal, int Rounds, int WarmUpSeconds = 4);

/// <summary>
/// Our broker beside mosquitto: both with mutual TLS 1.3 and the same certificates, both fed by the same load from a process of its own, in turns.
/// What counts is the CPU time of the broker's process for an operation, because the cores are shared.
/// </summary>
internal sealed class BrokersBenchmark(string folder, int firstPort, int rounds)
{
    private static readonly Row[] Rows =
    [
        new("handshake", "full handshake + CONNECT", "1.0", 7, WarmUpSeconds: 10),
        new("qos0", "QoS 0 in, no subscriber, full speed", "0.7", 7),
        new("qos1", "QoS 1 in, no subscriber, full speed, window 20", "0.9", 7),
        new("single", "QoS 1 in, no subscriber, full speed, one message at a time", "0.9", 7),
        new("inout", "QoS 1 in and out, one `#` subscriber, window 20", "0.65", 7),
        new("paced", "QoS 1 in, paced at 2,000/s over 100 connections", "1.5", 5),
        new("commands", "one service client commands 2,000 devices, QoS 1, window 100", "1.2", 7),
        new("storm", "2,000 devices dropped, all back", "1.3", 3),
        new("idle", "idle connection at 10,000, and routing", "", 7),
    ];

    private readonly StringBuilder _memory = new();
    private int _port = firstPort;

    public static IEnumerable<string> Names => Rows.Select(row => row.Load);

    public async Task RunAsync(IReadOnlyCollection<string> names)
    {
        BrokerCertificates.Open(folder).Dispose();
        Console.WriteLine("| operation | ours, CPU µs | mosquitto | ratio (spread) | goal | ours p50 / p95 / p99 µs | mosquitto p50 / p95 / p99 µs | ours / mosquitto a second |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var row in Rows.Where(row => names.Count == 0 || names.Contains(row.Load)))
        {
            if (row.Load == "idle") await MeasureFleetAsync(row);
            else await CompareAsync(row);
        }

        Console.WriteLine(_memory);
    }

    private int RoundsOf(Row row) => rounds > 0 ? rounds : row.Rounds;

    private async Task CompareAsync(Row row)
    {
        await using var ours = await BrokerProcess.StartOursAsync(folder, _port++);
        await using var theirs = await BrokerProcess.StartMosquittoAsync(folder, _port++);
        await CompareAsync(row, row.Title, row.Goal, new Side(ours, row.Load), new Side(theirs, row.Load));
    }

    private async Task CompareAsync(Row row, string title, string goal, Side one, Side other)
    {
        await one.StartLoadAsync(folder);
        await other.StartLoadAsync(folder);
        await WarmUpAsync(one, row);
        await WarmUpAsync(other, row);
        for (var round = 0; round < RoundsOf(row); round++)
        {
            await one.MeasureAsync();
            await other.MeasureAsync();
        }

        Print(title, goal, one, other);
        one.Dispose();
        other.Dispose();
    }

    /// <summary>Until the JIT compiler has watched, counted and compiled again.</summary>
    private static async Task WarmUpAsync(Side side, Row row)
    {
        var start = TimeProvider.System.GetTimestamp();
        do await side.RunAsync();
        while (side.Broker.Name == "ours" && TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(row.WarmUpSeconds));
    }

    /// <summary>10,000 devices connected and subscribed to their commands: what they hold, then what a command costs among so many.</summary>
    private async Task MeasureFleetAsync(Row row)
    {
        await using var ours = await BrokerProcess.StartOursAsync(folder, _port++);
        await using var few = await BrokerProcess.StartOursAsync(folder, _port++);
        var many = new Side(ours, row.Load);
        await MeasureMemoryAsync(many);
        await using (var theirs = await BrokerProcess.StartMosquittoAsync(folder, _port++))
        {
            using var side = new Side(theirs, row.Load);
            await MeasureMemoryAsync(side);
        }

        await CompareAsync(row, "a command to one of 100 devices, 10,000 connected (second column: 100 connected)", "1.1", many, new Side(few, "few"));
    }

    private async Task MeasureMemoryAsync(Side side)
    {
        const int Connections = 10_000;
        using (var first = new Side(side.Broker, "few"))      // what is made once is no connection's
        {
            await first.StartLoadAsync(folder);
            await first.RunAsync();
        }

        var before = side.Broker.AnonymousBytes;
        await side.StartLoadAsync(folder);
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System);
        var after = side.Broker.AnonymousBytes;
        _memory.AppendLine(CultureInfo.InvariantCulture,
            $"Memory of {side.Broker.Name}, {Connections:N0} idle connections, each with a subscription: {(after - before) / 1024.0 / Connections:0.0} KB each ({after / 1e6:0} MB in all, {before / 1e6:0} before); the goal is 40 KB for ours.");
    }

    private static void Print(string title, string goal, Side one, Side other)
    {
        var ratios = one.Costs.Zip(other.Costs, (ours, theirs) => ours / theirs).Order().ToList();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {title} | {Side.Median(one.Costs):0.0} | {Side.Median(other.Costs):0.0} | {Side.Median(ratios):0.00} ({ratios[0]:0.00}..{ratios[^1]:0.00}) | {goal} | {one.Latencies()} | {other.Latencies()} | {one.Rate():0} / {other.Rate():0} |"));
    }

    /// <summary>One broker with its load.</summary>
    private sealed class Side(BrokerProcess broker, string load) : IDisposable
    {
        private readonly List<RoundReport> _reports = [];
        private LoadProcess? _load;

        public BrokerProcess Broker => broker;

        /// <summary>CPU time an operation, in microseconds, one for each round.</summary>
        public List<double> Costs { get; } = [];

        public async Task StartLoadAsync(string folder) => _load ??= await LoadProcess.StartAsync(load, folder, broker);

        public Task<RoundReport> RunAsync() => _load!.RunAsync();

        public async Task MeasureAsync()
        {
            var before = broker.CpuTime;
            var report = await RunAsync();
            Costs.Add((broker.CpuTime - before).TotalMicroseconds / report.Operations);
            _reports.Add(report);
        }

        public string Latencies() => string.Create(CultureInfo.InvariantCulture,
            $"{Median(_reports.Select(report => (double)report.P50)):0} / {Median(_reports.Select(report => (double)report.P95)):0} / {Median(_reports.Select(report => (double)report.P99)):0}");

        public double Rate() => Median(_reports.Select(report => report.Operations / report.Seconds));

        public static double Median(IEnumerable<double> values)
        {
            var sorted = values.Order().ToList();
            return sorted[(sorted.Count - 1) / 2];
        }

        public void Dispose() => _load?.Dispose();
    }
}
