using System.Globalization;
using System.Text;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>
/// A fleet's telemetry in a folder: of each device a month, of which the last day is dense (a message each 10 s at full size) and the days before are
/// sparse. Made once, straight through the store's merge, and found there by the next run.
/// </summary>
internal sealed class QueryStock : IAsyncDisposable
{
    internal const int Devices = 1_000;

    internal static readonly DateTimeOffset LastDay = new(2026, 1, 31, 0, 0, 0, TimeSpan.Zero);
    internal static readonly DateTimeOffset Start = LastDay.AddDays(-29);

    private readonly string _folder;
    private readonly ServiceProvider _services;

    private QueryStock(string folder)
    {
        _folder = folder;
        _services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System).AddSingleton<FleetMetrics>().AddSingleton(new FleetNode("bench"))
            .AddTelemetry(new TelemetryOptions())
            .AddSqliteFleet(Path.Combine(folder, "fleet.db"))
            .AddSqliteTelemetry(Path.Combine(folder, "telemetry.db"), Path.Combine(folder, "telemetry-log.db"))
            .BuildServiceProvider();
    }

    internal long Bytes => new DirectoryInfo(_folder).EnumerateFiles("telemetry.db*").Sum(file => file.Length);

    internal static string DeviceId(int number) => string.Create(CultureInfo.InvariantCulture, $"device-{number:0000}");

    internal T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    internal static async Task<QueryStock> OpenAsync(string folder, int messages)
    {
        Directory.CreateDirectory(folder);
        var stock = new QueryStock(folder);
        var done = Path.Combine(folder, "complete");
        if (File.Exists(done)) return stock;
        await stock.Get<FleetDatabase>().MigrateAsync(default);
        await stock.Get<TelemetryDatabase>().MigrateAsync(default);
        var started = TimeProvider.System.GetTimestamp();
        await stock.LoadAsync(messages / Devices);
        Console.WriteLine($"loaded {messages} messages in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0} s");
        started = TimeProvider.System.GetTimestamp();
        await stock.Get<TelemetryRollup>().PassAsync(all: true, default);
        Console.WriteLine($"rolled them up in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0} s");
        await File.WriteAllTextAsync(done, "");
        return stock;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private async Task LoadAsync(int each)
    {
        var store = Get<ITelemetryStore>();
        var numbers = await RegisterAsync();
        var random = new Random(1);
        for (var device = 0; device < Devices; device++) await store.MergeAsync(Slice(numbers[device], DeviceId(device), device * (long)each, each, random), default);
    }

    private async Task<List<int>> RegisterAsync()
    {
        await using (var fleet = await Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync())
        {
            fleet.Devices.AddRange(Enumerable.Range(0, Devices).Select(n => new Device { Id = DeviceId(n), State = IoTFleet.Fleet.Devices.DeviceState.Active, RegisteredAt = Start, StateChangedAt = Start }));
            await fleet.SaveChangesAsync();
        }
        await using var db = await Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        var devices = Enumerable.Range(0, Devices).Select(n => new TelemetryDevice { DeviceId = DeviceId(n) }).ToList();
        db.Devices.AddRange(devices);
        await db.SaveChangesAsync();
        return devices.ConvertAll(device => device.Number);
    }

    private static MergeSlice Slice(int number, string device, long firstId, int each, Random random)
    {
        var (dense, rows) = (each * 864 / 1_000, new List<TelemetryRow>(each));
        for (var i = 0; i < each; i++)
        {
            var time = i < each - dense ? Start.AddSeconds(i * 29L * 86_400 / (each - dense)) : LastDay.AddSeconds((i - each + dense) * 86_400L / dense);
            var body = string.Create(CultureInfo.InvariantCulture, $$"""{"temperature":{{20 + 5 * Math.Sin(i / 100.0) + random.NextDouble():0.00}},"humidity":{{random.Next(300, 600) / 10.0:0.0}},"running":{{(i % 7 == 0 ? "false" : "true")}}}""");
            rows.Add(new TelemetryRow
            {
                Device = number,
                TimeUs = EpochTime.ToMicroseconds(time),
                Id = (1L << 44) + firstId + i,
                ReceivedUs = EpochTime.ToMicroseconds(time) + 20_000,
                Stream = "",
                Body = Encoding.UTF8.GetBytes(body),
            });
        }
        var latest = new LatestValues.Builder(LatestValues.None);
        latest.Add("", rows[^1].TimeUs, rows[^1].Body);
        var state = new TelemetryDevice { Number = number, DeviceId = device, LastReceivedUs = rows[^1].ReceivedUs, Latest = latest.Build().ToBytes() };
        var marks = rows.GroupBy(row => Hours.Of(row.TimeUs)).Select(hour => new StaleHour { Device = number, Hour = hour.Key, Version = hour.Max(row => row.Id) });
        return new MergeSlice(rows, [state], [.. marks], null);
    }
}
