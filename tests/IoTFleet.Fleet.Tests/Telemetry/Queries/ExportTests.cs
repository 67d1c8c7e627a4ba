using System.IO.Pipelines;
using System.Text;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Telemetry.Queries;

[CollectionDefinition(nameof(ExportTests), DisableParallelization = true)]      // one of them looks at what is alive in the whole process
public sealed class ExportsAlone;

[Collection(nameof(ExportTests))]
public class ExportTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task As_csv_each_metric_is_a_column_and_keeps_its_digits()
    {
        await using var fleet = await StartAsync("a", "b");
        await StoreAsync(fleet, "b", 0, """{"t":21.50,"at":{"on":true},"name":"say \"hi\", all"}""");
        await StoreAsync(fleet, "a", 2, """{"t":-0.0}""");
        await StoreAsync(fleet, "a", 1, """{"other":1}""");

        Assert.Equal(
            "device,stream,time,receivedAt,sequence,t,at.on,name\r\n"
            + "a,,2026-01-31T12:00:02.000000Z,2026-01-31T12:00:00.000000Z,7,-0.0,,\r\n"
            + "b,,2026-01-31T12:00:00.000000Z,2026-01-31T12:00:00.000000Z,7,21.50,true,\"say \"\"hi\"\", all\"\r\n",
            await ExportAsync(fleet, new(new DeviceFilter([]), new MetricSelection(["t", "at.on", "name"]), ExportFormat.Csv)));
    }

    [Fact]
    public async Task Without_metrics_the_whole_reading_is_exported_also_when_it_is_no_json()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", 1, "{\"t\":\n1.0}");
        await fleet.StoreAsync(new TelemetryMessage("a", "raw", Noon, null, "image/x", default, [new Reading(Noon, true, new byte[] { 1, 2, 3 })]));

        Assert.Equal(
            "device,stream,time,receivedAt,sequence,contentType,body\r\n"
            + "a,raw,2026-01-31T12:00:00.000000Z,2026-01-31T12:00:00.000000Z,,image/x,AQID\r\n"
            + "a,,2026-01-31T12:00:01.000000Z,2026-01-31T12:00:00.000000Z,7,,\"{\"\"t\"\":\n1.0}\"\r\n",
            await ExportAsync(fleet, new(new DeviceFilter(["a"]), MetricSelection.All, ExportFormat.Csv)));
        Assert.Equal(
            """{"deviceId":"a","stream":"raw","time":"2026-01-31T12:00:00+00:00","receivedAt":"2026-01-31T12:00:00+00:00","contentType":"image/x","base64":"AQID"}""" + "\n"
            + """{"deviceId":"a","stream":"","time":"2026-01-31T12:00:01+00:00","receivedAt":"2026-01-31T12:00:00+00:00","sequence":7,"body":{"t": 1.0}}""" + "\n",
            await ExportAsync(fleet, new(new DeviceFilter(["a"]), MetricSelection.All, ExportFormat.Ndjson)));
    }

    [Fact]
    public async Task A_span_and_a_device_are_chosen_and_an_unknown_device_is_said()
    {
        await using var fleet = await StartAsync("a");
        for (var second = 0; second < 5; second++) await StoreAsync(fleet, "a", second, $$"""{"s":{{second}}}""");

        var lines = (await ExportAsync(fleet, new(new DeviceFilter(["a"]), new MetricSelection(["s"]), ExportFormat.Ndjson, Noon.AddSeconds(1), Noon.AddSeconds(3)))).Split('\n');

        Assert.Equal(["{\"s\":1}}", "{\"s\":2}}", ""], lines.Select(line => line[(line.LastIndexOf(':') is var at && at > 4 ? at - 4 : 0)..]));
        Assert.IsType<ExportTelemetryResult.UnknownDevice>(
            await fleet.Get<ExportTelemetry>().RunAsync(TestFleet.Viewer, new(new DeviceFilter(["x"]), MetricSelection.All, ExportFormat.Csv), default));
    }

    [Theory]
    [InlineData(ExportFormat.Csv)]
    [InlineData(ExportFormat.Ndjson)]
    public async Task Ten_times_as_much_is_exported_in_the_same_memory(ExportFormat format)
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", 0, """{"t":1}""");
        await fleet.Get<TelemetryMerger>().MergeNowAsync(default);
        await FillAsync(fleet, 0, 10_000);
        var few = await MeasureAsync(fleet, format);
        await FillAsync(fleet, 10_000, 100_000);
        var many = await MeasureAsync(fleet, format);

        Assert.InRange(many.Written - few.Written, 20_000_000, 60_000_000);
        Assert.InRange(many.MostLive - few.MostLive, long.MinValue, 2_000_000); // a tenth of what one of them would hold
    }

    /// <summary>Straight into the tables, where an export finds them.</summary>
    private static async Task FillAsync(TestFleet fleet, int from, int to)
    {
        await using var db = await fleet.Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        var (device, body) = ((await db.Devices.SingleAsync()).Number, Encoding.UTF8.GetBytes($$"""{"text":"{{new string('x', 200)}}"}"""));
        var rows = Enumerable.Range(from, to - from).Select(n => new TelemetryRow { Device = device, TimeUs = 1_000_000L * n, Id = 1_000_000_000 + n, ReceivedUs = 0, Stream = "", Body = body });
        await fleet.Get<ITelemetryStore>().MergeAsync(new MergeSlice([.. rows], [], [], null), default);
    }

    private static async Task<LiveBytes> MeasureAsync(TestFleet fleet, ExportFormat format)
    {
        var ready = Assert.IsType<ExportTelemetryResult.Ready>(
            await fleet.Get<ExportTelemetry>().RunAsync(TestFleet.Viewer, new(new DeviceFilter([]), MetricSelection.All, format), default));
        var sink = new LiveBytes();
        var output = PipeWriter.Create(sink);
        await ready.WriteAsync(output, default);
        await output.CompleteAsync();
        return sink;
    }

    /// <summary>Looks now and then what is alive while a file is written to it.</summary>
    private sealed class LiveBytes : Stream
    {
        private const int LookEvery = 250_000;

        public long Written { get; private set; }

        public long MostLive { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => Written;

        public override long Position { get => Written; set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            var before = Written;
            Written += buffer.Length;
            if (before / LookEvery != Written / LookEvery) MostLive = Math.Max(MostLive, GC.GetTotalMemory(forceFullCollection: true));
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

    private static async Task<TestFleet> StartAsync(params string[] devices)
    {
        var fleet = await TestFleet.StartAsync();
        foreach (var device in devices) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(device), default);
        return fleet;
    }

    private static Task StoreAsync(TestFleet fleet, string device, int second, string json) =>
        fleet.StoreAsync(new TelemetryMessage(device, "", Noon, 7, null, default, [new Reading(Noon.AddSeconds(second), true, Encoding.UTF8.GetBytes(json))]));

    private static async Task<string> ExportAsync(TestFleet fleet, ExportTelemetryRequest request)
    {
        var ready = Assert.IsType<ExportTelemetryResult.Ready>(await fleet.Get<ExportTelemetry>().RunAsync(TestFleet.Viewer, request, default));
        using var text = new MemoryStream();
        var output = PipeWriter.Create(text, new StreamPipeWriterOptions(leaveOpen: true));
        await ready.WriteAsync(output, default);
        await output.CompleteAsync();
        return Encoding.UTF8.GetString(text.ToArray());
    }
}
