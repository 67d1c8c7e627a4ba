using System.Diagnostics;
using System.Globalization;
using System.Text;
using IoTFleet.Benchmarks.Load;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Benchmarks.Durable;

/// <summary>Where the time of a stored message goes, without sockets: read, committed to the log, merged into the tables. CPU time of this process, all its threads.</summary>
internal static class IngestBenchmark
{
    private const int Messages = 200_000;
    private const int Devices = 1_000;

    public static async Task<int> RunAsync()
    {
        Console.WriteLine(Machine.Describe());
        Console.WriteLine("\n| step | CPU µs a message | messages a second | allocated bytes a message | bytes on disk a message |\n|---|---|---|---|---|");
        foreach (var (metrics, bytes) in ((int, int)[])[(1, 200), (24, 500)])
        {
            await MeasureAsync($"{metrics} metric(s), {bytes} bytes", Readings.Of(metrics, bytes));
        }
        return 0;
    }

    private static async Task MeasureAsync(string title, string template)
    {
        var folder = Directory.CreateTempSubdirectory("iotfleet-ingest-");
        try
        {
            await using var services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System).AddSingleton<FleetMetrics>().AddSingleton(new FleetNode("benchmark"))
                .AddTelemetry(new TelemetryOptions { MergeReadings = 2 * Messages, MergeEvery = TimeSpan.FromMinutes(10), MaxTailMegabytes = 1_000 })
                .AddSqliteTelemetry(Path.Combine(folder.FullName, "t.db"), Path.Combine(folder.FullName, "log.db")).BuildServiceProvider();
            await services.GetRequiredService<TelemetryDatabase>().MigrateAsync(default);
            var ingest = services.GetRequiredService<TelemetryIngest>();
            await ingest.StartAsync(default);
            await StoreAsync(ingest, template, 0, Messages / 10);       // compiled once
            await services.GetRequiredService<TelemetryMerger>().MergeNowAsync(default);
            await RowAsync(title + ": read alone", () => { Read(template); return Task.CompletedTask; });
            await RowAsync(title + ": read and committed", () => StoreAsync(ingest, template, Messages, Messages));
            var before = Size(folder);
            await RowAsync(title + ": merged behind", () => services.GetRequiredService<TelemetryMerger>().MergeNowAsync(default), () => (Size(folder) - before) / (double)Messages);
            await ingest.StopAsync();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Read(string template)
    {
        var reader = new PayloadReader();
        for (var i = 0; i < Messages; i++)
        {
            if (!reader.TryRead(Arrival(template, i), out _, out var problem)) throw new InvalidOperationException(problem.Detail);
        }
    }

    private static async Task StoreAsync(TelemetryIngest ingest, string template, int first, int count)
    {
        var reader = new PayloadReader();
        var last = new Queue<Task>();
        for (var i = 0; i < count; i++)
        {
            if (!reader.TryRead(Arrival(template, first + i), out var message, out var problem)) throw new InvalidOperationException(problem.Detail);
            last.Enqueue(await ingest.AcceptAsync(message, default));
            if (last.Count > 2_000) await last.Dequeue();
        }
        await Task.WhenAll(last);
    }

    private static Arrival Arrival(string template, int number) => new(
        string.Create(CultureInfo.InvariantCulture, $"device-{number % Devices:00000}"), "",
        Encoding.UTF8.GetBytes(template.Replace(LoadClient.NumberDigits, (1_000_000_000 + number).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)), null,
        DateTimeOffset.UnixEpoch.AddDays(20_000).AddMilliseconds(number));

    private static async Task RowAsync(string title, Func<Task> work, Func<double>? bytes = null)
    {
        var (cpu, start, allocated) = (Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp(), GC.GetTotalAllocatedBytes());
        await work();
        var spent = (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / Messages;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {title} | {spent:0.0} | {Messages / Stopwatch.GetElapsedTime(start).TotalSeconds:0} | {(GC.GetTotalAllocatedBytes() - allocated) / Messages} | {(bytes is null ? "" : $"{bytes():0}")} |"));
    }

    private static long Size(DirectoryInfo folder) => folder.EnumerateFiles("t.db*").Sum(file => file.Length);
}
