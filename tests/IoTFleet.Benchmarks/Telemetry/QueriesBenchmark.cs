using System.CommandLine;
using System.Globalization;
using System.IO.Pipelines;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Telemetry.Queries;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>
/// What questions take over a month of a thousand devices: inside the process, and by HTTP from the real server on the same data in a process of its own.
/// Time on the clock, since somebody waits for it; CPU time beside it for when the cores are shared.
/// </summary>
internal static class QueriesBenchmark
{
    private const int Times = 200;

    private static readonly Actor Viewer = Actor.Operator("bench", Role.Viewer);

    internal static Task<int> RunAsync(string[] args)
    {
        var messages = new Option<int>("--messages") { DefaultValueFactory = _ => 10_000_000, Description = "stored messages" };
        var folder = new Option<string>("--folder") { DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), "iotfleet-queries"), Description = "where they are kept from run to run; one folder each size" };
        var port = new Option<int>("--port") { DefaultValueFactory = _ => 23_300, Description = "the first of three" };
        var command = new RootCommand("queries") { messages, folder, port };
        command.SetAction(async parsed =>
        {
            var (stored, where) = (parsed.GetRequiredValue(messages), parsed.GetRequiredValue(folder));
            await using (var stock = await QueryStock.OpenAsync(Path.Combine(where, "data"), stored)) await MeasureAsync(stock, stored);
            await QueriesOverHttp.MeasureAsync(where, parsed.GetRequiredValue(port), stored);
        });
        return command.Parse(args).InvokeAsync();
    }

    private static async Task MeasureAsync(QueryStock stock, int messages)
    {
        Console.WriteLine(Machine.Describe());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{messages} messages of 3 values, {QueryStock.Devices} devices, {stock.Bytes / (double)messages:0} bytes a message on disk with its rollups\n"));
        Console.WriteLine("| question, inside the process | p50 ms | p95 ms | CPU ms |");
        Console.WriteLine("|---|---|---|---|");
        var (latest, buckets, history) = (stock.Get<ReadLatestValues>(), stock.Get<ReadBuckets>(), stock.Get<ReadHistory>());
        var (day, month) = ((QueryStock.LastDay, QueryStock.LastDay.AddDays(1)), (QueryStock.Start, QueryStock.LastDay.AddDays(1)));
        await TimeAsync("newest values of a device", n => latest.RunAsync(Viewer, new(Some(n), MetricSelection.All), default));
        await TimeAsync("newest values of 1,000 devices", _ => latest.RunAsync(Viewer, new(new DeviceFilter([]), MetricSelection.All), default));
        await TimeAsync("a page of 1,000 readings of a device", n => history.RunAsync(Viewer, new(QueryStock.DeviceId(n), new MetricSelection(["temperature"]), QueryStock.LastDay), default));
        await TimeAsync("a device's hour by minutes", n => buckets.RunAsync(Viewer, Ask(Some(n), (day.LastDay, day.LastDay.AddHours(1)), "1m"), default));
        await TimeAsync("a device's dense day by 5 minutes", n => buckets.RunAsync(Viewer, Ask(Some(n), day, "5m"), default));
        await TimeAsync("the same with percentiles, from readings", n => buckets.RunAsync(Viewer, Ask(Some(n), day, "5m", true), default));
        await TimeAsync("a device's month by hours", n => buckets.RunAsync(Viewer, Ask(Some(n), month, "1h"), default));
        await TimeAsync("the same with percentiles, from sketches", n => buckets.RunAsync(Viewer, Ask(Some(n), month, "1h", true), default));
        await TimeAsync("a month of 1,000 devices by days", _ => buckets.RunAsync(Viewer, Ask(new DeviceFilter([]), month, "1d"), default), times: 20);
        await ExportAsync(stock, messages);
    }

    private static DeviceFilter Some(int n) => new([QueryStock.DeviceId(n * 7919 % QueryStock.Devices)]);

    private static ReadBucketsRequest Ask(DeviceFilter devices, (DateTimeOffset From, DateTimeOffset To) span, string width, bool quantiles = false) =>
        new(devices, new MetricSelection(["temperature"]), span.From, span.To, BucketWidth.TryParse(width, out var parsed) ? parsed : throw new FormatException(width), WithQuantiles: quantiles);

    internal static async Task TimeAsync(string what, Func<int, Task> ask, Func<TimeSpan>? cpuTime = null, int times = Times)
    {
        cpuTime ??= () => Environment.CpuUsage.TotalTime;
        for (var n = 0; n < times / 10; n++) await ask(n + 500);
        var (spent, cpu) = (new double[times], cpuTime());
        for (var n = 0; n < times; n++)
        {
            var started = TimeProvider.System.GetTimestamp();
            await ask(n);
            spent[n] = TimeProvider.System.GetElapsedTime(started).TotalMilliseconds;
        }
        var each = (cpuTime() - cpu).TotalMilliseconds / times;
        Array.Sort(spent);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {spent[times / 2]:0.0} | {spent[times * 95 / 100]:0.0} | {each:0.0} |"));
    }

    private static async Task ExportAsync(QueryStock stock, int messages)
    {
        var devices = Enumerable.Range(0, Math.Min(QueryStock.Devices, Math.Max(1, (int)(1_000_000L * QueryStock.Devices / messages)))).Select(QueryStock.DeviceId).ToArray();
        var request = new ExportTelemetryRequest(new DeviceFilter(devices), MetricSelection.All, ExportFormat.Ndjson);
        var ready = (ExportTelemetryResult.Ready)await stock.Get<ExportTelemetry>().RunAsync(Viewer, request, default);
        await using var sink = new CountingStream();
        var output = PipeWriter.Create(sink);
        var started = TimeProvider.System.GetTimestamp();
        await ready.WriteAsync(output, default);
        await output.CompleteAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"\nexport of {sink.Lines} messages, {sink.Length / 1e6:0} MB: {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.0} s; alive at its beginning {sink.Live[0] / 1e6:0.0} MB, at most later {sink.Live.Max() / 1e6:0.0} MB"));
    }

    /// <summary>Counts what is written, and now and then what is alive.</summary>
    private sealed class CountingStream : Stream
    {
        private long _length;
        private long _next;

        internal List<long> Live { get; } = [];

        internal long Lines { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _length;

        public override long Position { get => _length; set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _length += buffer.Length;
            Lines += buffer.Count((byte)'\n');
            if (_length < _next) return;
            _next = _length + 10_000_000;
            Live.Add(GC.GetTotalMemory(forceFullCollection: true));
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
